def write_page(path, found, history):
    path.write_text("x")
