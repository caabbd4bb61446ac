"""Asks LiteLLM's calculator what each model in its table costs, without a network.

    python costs.py OUT.json

Writes one JSON object: the table's path, the vectors of usage, the moment, and per model
and vector two costs, by the model's name and by its row, or the error the calculator raised.
"""

import json
import os
import socket
import sys
from datetime import datetime, timezone

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"


def no_network(*_args, **_kwargs):
    raise OSError("this check runs without a network")


socket.socket.connect = no_network

import litellm  # noqa: E402
from litellm.litellm_core_utils.llm_cost_calc import utils as calculator  # noqa: E402
from litellm.types.utils import (  # noqa: E402
    CompletionTokensDetailsWrapper,
    PromptTokensDetailsWrapper,
    Usage,
)

litellm.suppress_debug_info = True

# Per vector: text in, cached, written to the cache, audio in, text out, thoughts, audio out,
# images in. Two of them exceed every threshold of the table.
VECTORS = [
    [1000, 0, 0, 0, 500, 0, 0, 0],
    [1, 0, 0, 0, 1, 0, 0, 0],
    [200000, 0, 0, 0, 4096, 0, 0, 0],
    [5000, 3000, 1000, 0, 700, 0, 0, 0],
    [800, 0, 0, 0, 300, 900, 0, 0],
    [600, 0, 0, 250, 200, 0, 100, 0],
    [300000, 250000, 10000, 0, 2000, 3000, 0, 0],
    [900000, 0, 0, 0, 60000, 0, 0, 1200],
]
MOMENTS = {"standard": None, "flex": "flex", "priority": "priority"}


def usage(vector):
    text, cached, written, audio, out, thoughts, audio_out, images = vector
    prompt = text + cached + written + audio + images
    completion = out + thoughts + audio_out
    return Usage(
        prompt_tokens=prompt,
        completion_tokens=completion,
        total_tokens=prompt + completion,
        prompt_tokens_details=PromptTokensDetailsWrapper(
            text_tokens=text,
            cached_tokens=cached,
            cache_creation_tokens=written,
            audio_tokens=audio,
            image_tokens=images,
        ),
        completion_tokens_details=CompletionTokensDetailsWrapper(
            text_tokens=out, reasoning_tokens=thoughts, audio_tokens=audio_out
        ),
    )


def cost(model, provider, vector, tier):
    try:
        both = litellm.cost_calculator.cost_per_token(
            model=model,
            custom_llm_provider=provider,
            usage_object=usage(vector),
            prompt_tokens=usage(vector).prompt_tokens,
            completion_tokens=usage(vector).completion_tokens,
            service_tier=tier,
        )
        return sum(both)
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:100]}"


def by_row(row, provider, vector, tier):
    """The calculator's general routine, given the row itself.

    By name alone, some rows are looked up as others of the same provider, and some
    providers' routines leave out prices that their rows have.
    """
    try:
        return sum(
            calculator.generic_cost_per_token(
                model="", usage=usage(vector), custom_llm_provider=provider, service_tier=tier, model_info=row
            )
        )
    except Exception as error:
        return f"{type(error).__name__}: {str(error)[:100]}"


def main():
    path = os.path.join(os.path.dirname(litellm.__file__), "model_prices_and_context_window_backup.json")
    with open(path, encoding="utf-8") as file:
        table = json.load(file)
    now = datetime.now(timezone.utc)
    for module in list(sys.modules.values()):
        if getattr(module, "current_billing_time", None) is not None:
            module.current_billing_time = lambda: now
    costs = {
        tier: {
            model: [
                [
                    cost(model, row.get("litellm_provider"), vector, name),
                    by_row(row, row.get("litellm_provider"), vector, name),
                ]
                for vector in VECTORS
            ]
            for model, row in table.items()
            if model != "sample_spec"
        }
        for tier, name in MOMENTS.items()
    }
    result = {"table": path, "vectors": VECTORS, "unix": now.timestamp(), "costs": costs}
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        json.dump(result, file)


if __name__ == "__main__":
    main()
