"""The KMS key of one's own that the secrets in SSM may be encrypted with. Under the AWS managed key
nobody needs a permission for it: its own policy lets every principal of the account use it by SSM.
"""

from infra.packaging.choices import HAS_SECRETS_KEY, SECRETS_KEY
from infra.packaging.documents import Document

# Who reads secrets.
READERS = ("ApiHandlerRole", "StripeWebhookRole", "ReconcileRole")


def secrets_key_policy() -> Document:
    """Return what lets the readers decrypt with that key, by SSM only, where there is one.

    Which parameters SSM gives them is said by their own policies.
    """
    return {
        "SecretsKeyPolicy": {
            "Type": "AWS::IAM::Policy",
            "Condition": HAS_SECRETS_KEY,
            "Properties": {
                "PolicyName": "DecryptSecrets",
                "Roles": [{"Ref": role} for role in READERS],
                "PolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Sid": "DecryptBySsmOnly",
                            "Effect": "Allow",
                            "Action": "kms:Decrypt",
                            "Resource": {"Ref": SECRETS_KEY},
                            "Condition": {
                                "StringEquals": {
                                    "kms:ViaService": {
                                        "Fn::Sub": "ssm.${AWS::Region}.${AWS::URLSuffix}"
                                    }
                                }
                            },
                        }
                    ],
                },
            },
        }
    }
