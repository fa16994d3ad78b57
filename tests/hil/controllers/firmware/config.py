import json

FILE = "config.json"


def provision(path, values):
    with open(path, "w") as file:
        json.dump(values, file)
