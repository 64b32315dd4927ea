"""What tests of any package use: virtual time and clocks that are set by hand."""
