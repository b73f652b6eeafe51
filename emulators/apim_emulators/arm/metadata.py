"""`/metadata/endpoints`: where the cloud's parts are, for clients that discover a cloud. No token needed."""

from fastapi import APIRouter, Request, Response

from apim_emulators.arm.call import Arm
from apim_emulators.core.http import json_response
from apim_emulators.core.vocabulary import ARM_RESOURCE, GRAPH_RESOURCE


def router(arm: Arm) -> APIRouter:
    routes = APIRouter()

    @routes.get("/metadata/endpoints", summary="The cloud's endpoints")
    async def endpoints(request: Request) -> Response:
        login = f"https://{arm.settings.login_host}/"
        audiences = ["https://management.core.windows.net/", f"{ARM_RESOURCE}/"]
        document = {
            "name": "AzureCloud",
            "portal": "https://portal.azure.com",
            "authentication": {
                "loginEndpoint": login,
                "audiences": audiences,
                "tenant": "common",
                "identityProvider": "AAD",
            },
            "resourceManager": f"{ARM_RESOURCE}/",
            "graph": f"{GRAPH_RESOURCE}/",
            "microsoftGraphResourceId": f"{GRAPH_RESOURCE}/",
            "graphAudience": f"{GRAPH_RESOURCE}/",
            "suffixes": {},
        }
        # Before 2018-05-01 one cloud's document, since then a list of clouds.
        if request.query_params.get("api-version", "") < "2018-05-01":
            return json_response(document | {"galleryEndpoint": "https://gallery.azure.com/"})
        return json_response([document])

    return routes
