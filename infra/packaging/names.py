"""What Chalice and SAM call the API and its stage, and how other parts of the template say them."""

from typing import Final

from infra.packaging.documents import Document

REST_API: Final = "RestAPI"
# SAM puts in the stage, whose logical id it makes up.
STAGE_NAME: Final[Document] = {"Ref": f"{REST_API}.Stage"}
STAGE_ARN: Final[Document] = {
    "Fn::Sub": (
        f"arn:${{AWS::Partition}}:apigateway:${{AWS::Region}}::"
        f"/restapis/${{{REST_API}}}/stages/${{{REST_API}.Stage}}"
    )
}
