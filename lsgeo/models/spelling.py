"""Options as text, the way configurations and command lines spell them: "name(option=value)"."""

import ast
from collections.abc import Mapping
from typing import Any


def call(what: str, text: str, known: Mapping[str, Mapping[str, Any]]) -> tuple[str, dict]:
    """Reads "name" or "name(option=value, ...)"; values are Python literals.

    Args:
      what: what is being chosen, for the messages.
      text: the text.
      known: the options of each name, with their defaults.

    Returns:
      The name, and the options that were given; a whole number where the default is a fraction
      becomes one.

    Raises:
      ValueError: for a text of another form, a name or an option that does not exist, or a value of
        another type than the default's; a default None takes any.
    """
    name, keywords = _split(what, text)
    if name not in known:
        raise ValueError(f"Unknown {what}: {name!r}. Choose one of: {', '.join(sorted(known))}.")
    given = {}
    for keyword, value in keywords.items():
        if keyword not in known[name]:
            there = ", ".join(sorted(known[name])) or "no option"
            raise ValueError(f"Unknown option of the {what} {name}: {keyword!r}. It has: {there}.")
        given[keyword] = _typed(what, name, keyword, value, known[name][keyword])
    return name, given


def options(text: str) -> dict[str, Any]:
    """Reads "option=value, ..." as the options of a model; "" has none.

    >>> options("growth=12, block='v2'")
    {'growth': 12, 'block': 'v2'}
    """
    return _split("options", f"options({text})")[1]


def _split(what, text):
    form = f"The {what} must be written name or name(option=value, ...); got {text!r}."
    if not isinstance(text, str):
        raise ValueError(form)
    try:
        node = ast.parse(text.strip(), mode="eval").body
        if isinstance(node, ast.Name):
            return node.id, {}
        if not isinstance(node, ast.Call) or node.args or not isinstance(node.func, ast.Name):
            raise ValueError
        keywords = {k.arg: ast.literal_eval(k.value) for k in node.keywords}
        if None in keywords or len(keywords) < len(node.keywords):
            raise ValueError
        return node.func.id, keywords
    except (SyntaxError, ValueError):
        raise ValueError(form) from None


def _typed(what, name, option, value, default):
    if isinstance(default, float) and type(value) is int:
        value = float(value)
    if default is not None and type(value) is not type(default):
        kind = {bool: "True or False", int: "a whole number", float: "a number", str: "a text"}
        raise ValueError(
            f"`{option}` of the {what} {name} must be {kind[type(default)]}; got {value!r}."
        )
    return value
