"""Validates models as people do it in Python: PyYAML's C loader, then jsonschema.

Arguments: the catalog, the schema, how often. Prints the nanoseconds that each time took.
"""

import json
import sys
import time

import jsonschema
import yaml

catalog, schema, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
with open(catalog, encoding="utf-8") as file:
    text = file.read()
with open(schema, encoding="utf-8") as file:
    validator = jsonschema.Draft202012Validator(json.load(file))
loader = yaml.CSafeLoader

for _ in range(rounds + 1):
    begun = time.perf_counter_ns()
    document = yaml.load(text, Loader=loader)
    errors = list(validator.iter_errors(document))
    took = time.perf_counter_ns() - begun
    if errors:
        sys.exit(f"{len(errors)} errors, the first: {errors[0].message[:200]}")
    print(took)
