"""Files under one prefix and the manifest that names them."""
