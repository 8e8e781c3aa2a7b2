"""Suites: each asks a world model one question, and says what it is blind to.

What an audit is made of stands here: `setting` (what is measured, checked once), `bench` (what the
suites see of it), `audit` (all suites, one after the other), `protocols` (what may be asked of a
model, a planner, a world), `profiles` (how much is measured). Packages, from the bottom up:

    statistics   intervals, tests, thresholds: numbers in, numbers out
    cells        the unit of work: run once, kept by digest, read back
    nuisances    what may change without changing the task
    driving      lawful episodes as the planner drives them
    monitors     scores of what a model has not seen before
    violations   what cannot happen, and clips in which it does
    thresholds   what a monitor alarms at, and how much of that is chance
    suites       the questions
    pictures     what conditions look like
    whole        whether cells are those that the plan called for
    migration    a candidate against its base
"""
