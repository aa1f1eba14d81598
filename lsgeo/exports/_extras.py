"""What is said where a library of the extra `export` is missing."""


def missing(library: str, file: str) -> ValueError:
    """Returns the error for a file (such as "An .h5 file") that needs a library that is not there."""
    return ValueError(
        f"{file} needs {library}, which is not installed. Install it with `pip install 'lsgeo[export]'`."
    )
