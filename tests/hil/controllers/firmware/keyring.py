FILE = "keys.json"


def provision(path, keys):
    pass
