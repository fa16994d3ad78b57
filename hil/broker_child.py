"""The embedded broker's own process. Run as a script: `python -I broker_child.py CONFIG`.

It ends when its standard input does, so it never outlives the process that started it.
"""

import logging
import os
import sys
import threading


def main() -> None:
    """Be the broker that CONFIG describes."""
    from iotcore import Broker  # noqa: PLC0415  # only who runs a broker needs the wheel

    def exit_with_parent() -> None:
        sys.stdin.buffer.read()
        os._exit(0)

    # rumqttd reports every client that goes away as an error.
    logging.basicConfig(level=logging.CRITICAL)
    threading.Thread(target=exit_with_parent, daemon=True).start()
    Broker(config_path=sys.argv[1]).run_forever()


if __name__ == "__main__":
    main()
