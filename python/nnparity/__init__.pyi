# The public names with their types, for type checkers; at run time __init__.py loads them when they are asked for.

from nnparity.activations import (
    ACTIVATIONS as ACTIVATIONS,
    activate as activate,
    activation_derivative as activation_derivative,
    backprop_activation as backprop_activation,
)
from nnparity.arithmetic import (
    ARITHMETICS as ARITHMETICS,
    get_arithmetic as get_arithmetic,
)
from nnparity.checks import (
    InputError as InputError,
)
from nnparity.compare import (
    compare_traces as compare_traces,
    first_difference as first_difference,
)
from nnparity.datasets import (
    DATASETS as DATASETS,
    Dataset as Dataset,
    load_csv as load_csv,
    load_data as load_data,
    load_digits as load_digits,
    load_idx as load_idx,
    load_pickle as load_pickle,
    one_hot as one_hot,
    split_data as split_data,
)
from nnparity.diagnosis.assertion import (
    assert_diagnosis_ok as assert_diagnosis_ok,
)
from nnparity.diagnosis.diagnose import (
    diagnose as diagnose,
)
from nnparity.estimator import (
    Network as Network,
)
from nnparity.generators import (
    make_clusters as make_clusters,
    make_image as make_image,
    make_spiral as make_spiral,
    make_xor as make_xor,
)
from nnparity.initializers import (
    INITIALIZERS as INITIALIZERS,
    initialize_parameters as initialize_parameters,
)
from nnparity.losses import (
    LOSSES as LOSSES,
    loss_gradient as loss_gradient,
    loss_value as loss_value,
    output_delta as output_delta,
)
from nnparity.metrics import (
    METRICS as METRICS,
    accuracy as accuracy,
    classify as classify,
    confusion_matrix as confusion_matrix,
    r_squared as r_squared,
    rmse as rmse,
    top_k_accuracy as top_k_accuracy,
)
from nnparity.model import (
    Model as Model,
    evaluate_model as evaluate_model,
    predict_outputs as predict_outputs,
    prepare_model as prepare_model,
    train_model as train_model,
)
from nnparity.model_file import (
    load_model as load_model,
    save_model as save_model,
)
from nnparity.network import (
    NetworkDefinition as NetworkDefinition,
    backward as backward,
    define_network as define_network,
    forward as forward,
    gradient_step as gradient_step,
)
from nnparity.optimizers import (
    OPTIMIZERS as OPTIMIZERS,
    apply_update as apply_update,
    define_optimizer as define_optimizer,
    initial_state as initial_state,
)
from nnparity.parity import (
    assert_parity as assert_parity,
    run_parity as run_parity,
)
from nnparity.plots import (
    plot_confusion as plot_confusion,
    plot_history as plot_history,
    plot_images as plot_images,
    plot_regions as plot_regions,
    save_picture as save_picture,
)
from nnparity.preprocessing import (
    SCALINGS as SCALINGS,
)
from nnparity.random import (
    numpy_from_state as numpy_from_state,
    numpy_get_state as numpy_get_state,
    numpy_permutation as numpy_permutation,
    numpy_randint as numpy_randint,
    numpy_randn as numpy_randn,
    numpy_random_sample as numpy_random_sample,
    numpy_set_seed as numpy_set_seed,
    numpy_shuffle as numpy_shuffle,
    r_from_state as r_from_state,
    r_get_state as r_get_state,
    r_rexp as r_rexp,
    r_rnorm as r_rnorm,
    r_runif as r_runif,
    r_sample as r_sample,
    r_sample_int as r_sample_int,
    r_set_seed as r_set_seed,
)
from nnparity.sides import (
    Start as Start,
)
from nnparity.trace import (
    read_trace as read_trace,
    trace_step as trace_step,
    trace_table as trace_table,
    write_trace as write_trace,
)
from nnparity.training import (
    SCHEDULES as SCHEDULES,
    begin_training as begin_training,
    define_training as define_training,
    final_parameters as final_parameters,
    measure as measure,
    train_epoch as train_epoch,
    train_network as train_network,
)

__version__: str
