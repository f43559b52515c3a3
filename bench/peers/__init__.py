"""Other programs, each behind one small adapter, used as their users use them."""
