"""What every test may use: databases, and an environment without settings of the machine's own."""

import os

pytest_plugins = ["tests.databases", "tests.worlds"]

for _name in [name for name in os.environ if name.startswith("JINBA_") and not name.startswith("JINBA_TEST_")]:
    del os.environ[_name]
