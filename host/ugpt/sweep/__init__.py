"""A search over hyperparameters: an Optuna study whose trials are runs on all boards."""
