"""Drawing Gaussian surfels on CPUs: the compiled image model, without gradients or torch."""
