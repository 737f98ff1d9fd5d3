"""Files are written whole or not at all; pictures replace old ones only once they are drawn."""

import os
import stat

import numpy as np
import pytest

from nnparity import InputError
from nnparity.files import replace_file, write_lines_whole
from nnparity.model import prepare_model
from nnparity.plots import FORMATS, plot_regions, save_picture
from nnparity.trace import write_text_atomically


def test_what_fails_leaves_the_old_file_and_nothing_beside_it(tmp_path):
    (tmp_path / "old.txt").write_text("old")

    def half(place):
        place.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        replace_file(tmp_path / "old.txt", half)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("old.txt", "old")]
    with pytest.raises(IsADirectoryError):
        write_lines_whole(["x"], tmp_path)
    assert len(list(tmp_path.iterdir())) == 1


def test_the_new_file_has_the_old_one_s_rights_and_a_link_stays_a_link(tmp_path):
    (tmp_path / "old.txt").write_text("old")
    (tmp_path / "old.txt").chmod(0o600)
    (tmp_path / "link.txt").symlink_to("old.txt")
    write_lines_whole(["Zürich", "x"], tmp_path / "link.txt")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "old.txt").read_bytes() == "Zürich\nx\n".encode()
    assert stat.S_IMODE((tmp_path / "old.txt").stat().st_mode) == 0o600


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no such device here")
def test_a_device_is_written_to_as_it_is(tmp_path):
    write_lines_whole(["x"], "/dev/null")
    with pytest.raises(InputError, match="'/dev/full' must be writable, but it is not: No space left on device"):
        write_text_atomically("/dev/full", "x\n")
    (tmp_path / "h.png").symlink_to("/dev/full")
    with pytest.raises(OSError, match="It is a device"):
        replace_file(tmp_path / "h.png", lambda place: None)
    assert all(stat.S_ISCHR(os.stat(device).st_mode) for device in ("/dev/null", "/dev/full"))


class Broken:
    """A figure that fails when half of it is written."""

    def savefig(self, path, **options):
        path.write_text("half")
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("ending", FORMATS)
def test_a_picture_that_fails_leaves_the_old_one(tmp_path, ending):
    path = tmp_path / f"keep.{ending}"
    path.write_text("precious")
    with pytest.raises(InputError, match=rf"keep\.{ending}: expected a place to write to, but no space left on device"):
        save_picture(Broken(), path)
    assert [(one.name, one.read_text()) for one in tmp_path.iterdir()] == [(path.name, "precious")]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("X", [[[0.4, 1.0]], [[1e6, 0.0], [1e6, 1.0]]])
def test_regions_of_one_row_or_of_a_column_of_one_value(tmp_path, X):
    pytest.importorskip("matplotlib")
    model = prepare_model(np.array([[0.1, 1.0], [0.3, 2.0]]), ["a", "b"], hidden=[2])
    figure = plot_regions(model, X, [0] * len(X))
    (left, right), (low, high) = figure.axes[0].images[0].get_extent()[:2], figure.axes[0].images[0].get_extent()[2:]
    assert left < X[0][0] < right
    assert low < X[0][1] < high or len(X) > 1
    save_picture(figure, tmp_path / "r.png")
