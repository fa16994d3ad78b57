"""Runs the dual tests without a framework: `micropython tests/dual/run.py MODULE …`.

MODULE is a name like `tests.dual.test_framing`; each of its functions `test_*` is called in turn.
Prints one line a test and ends with exit code 1 if one failed or a module has none.
"""

import sys

# With the traceback where this runs under MicroPython.
show = getattr(sys, "print_exception", print)


def run(name):
    """Returns how many tests of the module passed and how many did not."""
    module = __import__(name, None, None, ["*"])
    passed = failed = 0
    for attribute in sorted(dir(module)):
        if not attribute.startswith("test_"):
            continue
        try:
            getattr(module, attribute)()
        except Exception as error:  # noqa: BLE001 - whatever a test raises is its failure
            failed += 1
            print("FAILED", name, attribute)
            show(error)
        else:
            passed += 1
            print("ok", name, attribute)
    return passed, failed


def main(arguments):
    """The first argument is the folder that holds `tests`, the others are modules."""
    sys.path.insert(0, arguments[0])
    status = 0
    for name in arguments[1:]:
        passed, failed = run(name)
        print(sys.implementation.name, name, passed, "passed,", failed, "failed")
        if failed or not passed:
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
