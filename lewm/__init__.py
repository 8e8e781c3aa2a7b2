"""LeWorldModel: train it, plan with it. Imports nothing of the auditor."""
