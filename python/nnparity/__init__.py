"""One neural network written twice, in Python and in R, and a tool that uses the pair to find the bug in a third.

The names below are loaded when they are first asked for (PEP 562), so that ``import nnparity`` costs no pandas,
no rpy2 and no command line: the reference needs NumPy only.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# The public names, by the module that defines them: floor 0 first.
_PUBLIC: dict[str, tuple[str, ...]] = {
    "arithmetic": ("ARITHMETICS", "get_arithmetic"),
    "random": (
        "r_set_seed", "r_get_state", "r_from_state", "r_runif", "r_rnorm", "r_rexp", "r_sample_int", "r_sample",
        "numpy_set_seed", "numpy_get_state", "numpy_from_state", "numpy_random_sample", "numpy_randn",
        "numpy_permutation", "numpy_shuffle", "numpy_randint",
    ),
    "checks": ("InputError",),
    "activations": ("ACTIVATIONS", "activate", "activation_derivative", "backprop_activation"),
    "losses": ("LOSSES", "loss_value", "loss_gradient", "output_delta"),
    "initializers": ("INITIALIZERS", "initialize_parameters"),
    "optimizers": ("OPTIMIZERS", "define_optimizer", "initial_state", "apply_update"),
    "network": ("NetworkDefinition", "define_network", "forward", "backward", "gradient_step"),
    "metrics": ("METRICS", "classify", "accuracy", "top_k_accuracy", "confusion_matrix", "rmse", "r_squared"),
    "datasets": (
        "DATASETS", "Dataset", "load_data", "load_digits", "load_idx", "load_csv", "load_pickle", "split_data",
        "one_hot",
    ),
    "generators": ("make_clusters", "make_spiral", "make_image", "make_xor"),
    "training": (
        "SCHEDULES", "define_training", "begin_training", "train_epoch", "train_network", "measure", "final_parameters",
    ),
    "preprocessing": ("SCALINGS",),
    "model": ("Model", "prepare_model", "train_model", "predict_outputs", "evaluate_model"),
    "model_file": ("save_model", "load_model"),
    "trace": ("trace_step", "trace_table", "write_trace", "read_trace"),
    "compare": ("compare_traces", "first_difference"),
    "estimator": ("Network",),
    "plots": ("plot_history", "plot_confusion", "plot_regions", "plot_images", "save_picture"),
    "sides": ("Start",),
    "parity": ("run_parity", "assert_parity"),
    "diagnosis.diagnose": ("diagnose",),
    "diagnosis.assertion": ("assert_diagnosis_ok",),
}
_HOME = {name: module for module, names in _PUBLIC.items() for name in names}

__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> Any:
    """Load the module that defines a public name when the name is first used."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
