"""What the functions of the Events API share; `app.py` and `functions/` are the entry points."""

import gc
import os

# Those that call `functions.init_phase`. A wrapper around one starts as Python does by itself.
HANDLERS = frozenset(
    {
        "app.app",
        "chalicelib.functions.authorizer.jwt_authorizer",
        "chalicelib.functions.reconcile.reconcile",
        "chalicelib.functions.stripe_webhook.stripe_webhook",
    }
)

# To load modules makes a great many objects and no garbage, so while Lambda starts one of the
# functions none is looked for. `functions.init_phase` ends that.
if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") and os.environ.get("_HANDLER") in HANDLERS:
    gc.disable()
