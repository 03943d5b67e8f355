"""From a training set to a model version: estimators, evaluation, gates and compiled plans."""
