"""Are these the cells that the plan called for, each with all of its rows?"""
