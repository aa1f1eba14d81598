"""The styles of the arms that are known by name."""

from lsgeo.plotting.style import ARMS, Style

# Okabe and Ito's palette, told apart with every common colour blindness (Wong 2011).
ARMS |= {
    "skip": Style("#0072b2", "o", "-"),
    "no skip": Style("#d55e00", "s", (0, (5, 1.5))),
    "scaled skip": Style("#009e73", "^", (0, (1.5, 1.2))),
    "identity-biased": Style("#e69f00", "v", (0, (4, 1.2, 1, 1.2))),
    "learnable skip": Style("#cc79a7", "P", (0, (6, 2, 2, 2))),
    # Nine more colours, each as far as possible from all others in OKLab, with a contrast of 3 to white.
    "halved skip": Style("#753a07", "<", (0, (8, 2))),
    "exclusive gate": Style("#0e6918", ">", (0, (8, 2, 1.5, 2))),
    "shortcut gate": Style("#815ffa", "p", (0, (3, 1))),
    "projection": Style("#887626", "h", (0, (3, 3))),
    "dropout skip": Style("#9d515c", "8", (0, (1, 3))),
    "highway": Style("#0026b4", "*", (0, (10, 2, 3, 2))),
    "layer scale": Style("#114a57", "d", (0, (3, 1, 1, 1, 1, 1))),
    "hyper-connections": Style("#bd0782", (4, 1, 0), (0, (6, 1, 1, 1, 1, 1))),
    "mHC": Style("#73154f", (3, 1, 0), (0, (12, 2))),
    "concatenation": Style("#00756f", "X", (0, (2, 1, 6, 1))),
    "network": Style("#6a3d9a", "D", "-"),  # one that has no twin
}
