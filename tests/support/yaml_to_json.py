"""YAML on standard input to compact JSON on standard output."""
import json
import sys

import yaml

json.dump(yaml.safe_load(sys.stdin), sys.stdout, ensure_ascii=False, separators=(",", ":"))
