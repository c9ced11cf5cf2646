"""From the code to what CloudFormation takes: the template and the zip.

What the template says beyond Chalice's own is in `resources.json` (data) and here (parts that
follow from the code), so that each header, error and setting is defined once.
"""

from infra.packaging.definition import api_definition

__all__ = ["api_definition"]
