"""Writers of the published file formats, byte by byte, for small data."""

import gzip
import io
import struct
import tarfile

import numpy as np

IDX_NAMES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}


def images(num, *, side, channels, num_classes, seed=0):
    """Random images [num, side, side, channels] whose labels go through the classes."""
    rng = np.random.default_rng(seed)
    image = rng.integers(256, size=(num, side, side, channels), dtype=np.uint8)
    return image, np.arange(num) % num_classes


def idx(array):
    header = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
    return header + array.astype(np.uint8).tobytes()


def write_mnist(root, parts, *, compressed=False):
    root.mkdir(parents=True, exist_ok=True)
    for part, names in IDX_NAMES.items():
        image, label = parts[part]
        for name, array in zip(names, (image[..., 0], label), strict=True):
            if compressed:
                (root / f"{name}.gz").write_bytes(gzip.compress(idx(array)))
            else:
                (root / name).write_bytes(idx(array))


def rows(image):
    """Images as CIFAR's rows: the red plane, the green, the blue."""
    return np.ascontiguousarray(image.transpose(0, 3, 1, 2)).reshape(len(image), -1)


def cifar_files(parts, *, version, num_classes):
    """The files {name: bytes} of a version, "python" or "binary", of CIFAR-10 or CIFAR-100."""
    files = {}
    for part, (image, label) in parts.items():
        if num_classes == 10 and part == "train":
            names = [f"data_batch_{i}" for i in range(1, 6)]
        else:
            names = ["test_batch" if num_classes == 10 and part == "test" else part]
        chunks = zip(
            np.array_split(image, len(names)), np.array_split(label, len(names)), strict=True
        )
        for name, (some, their) in zip(names, chunks, strict=True):
            if version == "python":
                files[name] = _cifar_pickle(some, their, num_classes)
            else:
                coarse = [] if num_classes == 10 else [their // 5]
                columns = [*coarse, their]
                records = np.column_stack([*columns, rows(some)]).astype(np.uint8)
                files[f"{name}.bin"] = records.tobytes()
    return files


def _cifar_pickle(image, label, num_classes):
    fine = label.tolist()
    content = {b"batch_label": b"some batch", b"data": rows(image)}
    content[b"filenames"] = [b"%04d.png" % i for i in range(len(label))]
    if num_classes == 10:
        content[b"labels"] = fine
    else:
        content |= {b"fine_labels": fine, b"coarse_labels": [x // 5 for x in fine]}
    return python2_pickle(content)


def write_folder(folder, files):
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)


def write_archive(path, folder, files):
    with tarfile.open(path, "w:gz") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(f"{folder}/{name}")
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))


def python2_pickle(content):
    """What `cPickle.dumps(content, 2)` of Python 2 wrote of dicts, lists, str, int and uint8 arrays."""
    return b"\x80\x02" + _Python2().save(content) + b"."


class _Python2:
    def __init__(self):
        self.puts = 0
        self.known = {}

    def put(self):
        self.puts += 1
        short = self.puts < 256
        return b"q" + bytes([self.puts]) if short else b"r" + struct.pack("<I", self.puts)

    def save(self, value):
        return getattr(self, f"save_{type(value).__name__}")(value)

    def save_int(self, value):
        if 0 <= value < 256:
            return b"K" + bytes([value])
        return (
            b"M" + struct.pack("<H", value)
            if 0 <= value < 65536
            else b"J" + struct.pack("<i", value)
        )

    def save_bytes(self, value):
        head = (
            b"U" + bytes([len(value)]) if len(value) < 256 else b"T" + struct.pack("<i", len(value))
        )
        return head + value + self.put()

    def save_list(self, value):
        return (
            b"]"
            + self.put()
            + b"".join(
                b"(" + b"".join(self.save(x) for x in value[i : i + 1000]) + b"e"
                for i in range(0, len(value), 1000)
            )
        )

    def save_dict(self, value):
        items = b"".join(self.save(key) + self.save(item) for key, item in value.items())
        return b"}" + self.put() + b"(" + items + b"u"

    def name(self, name):
        if name in self.known:
            return self.known[name]
        text = b"c" + name + b"\n" + self.put()
        self.known[name] = b"h" + bytes([self.puts])
        return text

    def save_ndarray(self, value):
        made = self.name(b"numpy.core.multiarray\n_reconstruct") + self.name(b"numpy\nndarray")
        made += b"K\x00\x85U\x01b\x87R" + self.put()
        shape = b"".join(self.save(n) for n in value.shape) + b"\x86"
        dtype = self.name(b"numpy\ndtype") + b"U\x02u1K\x00K\x01\x87R" + self.put()
        dtype += b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        fortran = value.flags.f_contiguous and not value.flags.c_contiguous
        data = value.tobytes("F" if fortran else "C")
        text = b"T" + struct.pack("<i", len(data)) + data
        return made + b"(K\x01" + shape + dtype + (b"\x88" if fortran else b"\x89") + text + b"tb"
