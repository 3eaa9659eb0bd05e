"""Log-likelihoods as sums over parts of the individuals, of files or of memory, here or on other machines."""
