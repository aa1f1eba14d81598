"""What all experiments share: the command line, a trained network, its data and its loss, figures."""
