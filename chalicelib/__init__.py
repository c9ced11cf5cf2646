"""What the functions of the Events API share; `app.py` and `functions/` are the entry points."""

import gc
import os

# To load modules makes a great many objects and no garbage, so while Lambda starts a function none
# is looked for. `functions.init_phase` ends that.
if "AWS_LAMBDA_INITIALIZATION_TYPE" in os.environ:
    gc.disable()
