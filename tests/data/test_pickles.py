"""The pickles of CIFAR: read as the unpickler reads them, and nothing in them is executed."""

import os
import pickle
import pickletools

import numpy as np
import pytest

from lsgeo.data.sources._pickles import read_pickle
from tests.data import writers

ARRAY = np.arange(12, dtype=np.uint8).reshape(3, 4)
CONTENT = {
    b"batch_label": b"training batch 1 of 5",
    b"labels": [6, 9, 300, 70_000, -1],
    b"data": ARRAY,
    b"filenames": [b"leptodactylus_pentadactylus_s_000004.png", b"x" * 300],
}


@pytest.mark.parametrize("array", [ARRAY, np.asfortranarray(ARRAY)], ids=["C", "Fortran"])
def test_a_pickle_of_python_2_is_read_as_the_unpickler_reads_it(array):
    data = writers.python2_pickle({**CONTENT, b"data": array})
    expected = pickle.loads(data, encoding="bytes")  # Of bytes that this test has written.
    found = read_pickle(data, source="file")
    np.testing.assert_array_equal(expected.pop(b"data"), ARRAY)
    np.testing.assert_array_equal(found.pop(b"data"), ARRAY)
    assert found == expected
    assert found[b"labels"] == CONTENT[b"labels"]


def test_lists_of_more_than_a_thousand_items_and_256_memos_are_read():
    content = {b"labels": list(range(2500)), b"filenames": [b"%d" % i for i in range(300)]}
    assert read_pickle(writers.python2_pickle(content), source="file") == content


class _Touch:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def _with_value(code):
    # A dictionary whose one value is what the opcodes make.
    return b"\x80\x02}U\x04data" + code + b"s."


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_a_malicious_pickle_is_refused_and_not_executed(tmp_path, protocol):
    victim = tmp_path / "made"
    data = pickle.dumps({b"data": _Touch(victim)}, protocol=protocol)
    with pytest.raises(ValueError, match="evil is not a pickle of plain numbers"):
        read_pickle(data, source="evil")
    assert not victim.exists()
    pickle.loads(data)
    assert victim.exists()  # It is malicious indeed.


@pytest.mark.parametrize(
    ("code", "text"),
    [
        (b"cos\nsystem\nU\x04true\x85R", "GLOBAL 'os system' at byte"),
        (b"cnumpy\nload\nU\x01x\x85R", "GLOBAL 'numpy load' at byte"),
        (b"cnumpy.core.multiarray\nscalar\n)R", "GLOBAL 'numpy.core.multiarray scalar' at byte"),
        (b"cbuiltins\neval\nU\x011\x85R", "GLOBAL 'builtins eval' at byte"),
        (b"ios\nsystem\n", "INST at byte"),
        (b"(cnumpy\ndtype\nU\x02u1o", "OBJ at byte"),
        (b"cnumpy\nndarray\n)\x81", "NEWOBJ at byte"),
        (b"U\x02osU\x06system\x93", "STACK_GLOBAL at byte"),
        (b"U\x01xQ", "BINPERSID at byte"),
        (b"Px\n", "PERSID at byte"),
        (b"\x82\x01", "EXT1 at byte"),
        (b"N0", "POP at byte"),
        (b"X\x01\x00\x00\x00x", "BINUNICODE at byte"),
        (b"I1\n", "INT at byte"),
        (b"r\xff\xff\xff\x7f", "LONG_BINPUT 2147483647 at byte"),
        (b"cnumpy\ndtype\nU\x02O8K\x00K\x01\x87R", "a dtype other than that of bytes"),
        (b"cnumpy.core.multiarray\n_reconstruct\nK\x02\x85R", "a class of arrays other than"),
        (b"cnumpy\nndarray\nK\x02\x85R", "not callable"),
        (b"cnumpy\nndarray\n(NU\x01xK\x01tb", "state is not a dictionary"),
        (b"cnumpy\ndtype\n(N}U\x01xK\x01stb", "missing 1 required positional argument"),
        (b"]}b", "no attribute '__dict__'"),
        (b"}}b", "no attribute '__dict__'"),
    ],
)
def test_every_other_opcode_and_name_is_refused(code, text):
    data = _with_value(code)
    assert list(pickletools.genops(data))  # A pickle all the same.
    with pytest.raises(ValueError, match=text):
        read_pickle(data, source="file")


def _nested(levels):
    return b")" + b"\x85" * levels


def _shared(levels):
    # t1 = ((), (), ()), t2 = (t1, t1, t1) and so on: three to the number of levels parts to be hashed.
    return b")" + b"q\x01h\x01h\x01\x87" * levels


@pytest.mark.parametrize(
    "code",
    [
        b"}" + _nested(300_000) + b"K\x01s.",
        b"}(" + _nested(300_000) + b"K\x01u.",
        b"}" + _shared(60) + b"K\x01s.",
        b"}" + _nested(3) + b"q\x05K\x01s.",
        _nested(3) + b"q\x05}(U\x01aK\x02h\x05K\x01u.",
        b"}K\x01K\x01s.",
    ],
    ids=["deep", "deep and several", "shared", "shallow", "from the memo", "number"],
)
def test_a_key_that_is_no_string_is_refused_before_it_is_hashed(code):
    # Python's hash of a tuple calls itself: deep ones end the process, in a way that no test survives.
    with pytest.raises(ValueError, match="a key that is no string"):
        read_pickle(b"\x80\x02" + code, source="file")


@pytest.mark.parametrize(
    "code",
    [
        b"N",
        b"\x88",
        _nested(2),
        b"}",
        b"]Na",
        b"]q\x01h\x01a",
        b"cnumpy\nndarray\n",
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R",
        b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R",
    ],
    ids=["none", "true", "tuple", "dict", "of none", "of itself", "class", "no bytes yet", "dtype"],
)
def test_a_value_of_another_kind_is_refused(code):
    with pytest.raises(ValueError, match="file holds at b'data' something other than byte strings"):
        read_pickle(_with_value(code), source="file")


def test_a_shape_of_many_axes_is_refused_before_its_product():
    data = writers.python2_pickle(CONTENT)
    shape, long = b"K\x03K\x04\x86", b"(" + b"J\xff\xff\xff\x7f" * 100_000 + b"t"
    with pytest.raises(ValueError, match="an array of something other than bytes") as caught:
        read_pickle(data.replace(shape, long), source="file")
    assert len(str(caught.value)) < 200


def test_a_pickle_that_ends_early_is_refused_wherever_it_ends():
    data = writers.python2_pickle(CONTENT)
    for end in range(len(data)):
        with pytest.raises(ValueError, match="file is not a pickle"):
            read_pickle(data[:end], source="file")
    with pytest.raises(ValueError, match="file is not a pickle"):
        read_pickle(data + b".", source="file")


def test_an_array_with_other_bytes_than_its_shape_says_is_refused():
    data = writers.python2_pickle(CONTENT)
    shape = b"K\x03K\x04\x86"
    assert shape in data
    with pytest.raises(ValueError, match=r"an array of shape \(3, 5\) has 12 bytes"):
        read_pickle(data.replace(shape, b"K\x03K\x05\x86"), source="file")


def test_a_pickle_of_something_other_than_a_dictionary_is_refused():
    with pytest.raises(ValueError, match="file holds no dictionary"):
        read_pickle(writers.python2_pickle([1, 2]), source="file")
