"""What lies elsewhere: addresses of objects, reading them by ranges, scratch space for copies, uploads."""
