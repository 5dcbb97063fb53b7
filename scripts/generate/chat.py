#!/usr/bin/env python3
"""Renders the chat templates of the small checkpoints of model families with Jinja, as transformers does.

usage: chat.py fixtures/families > fixtures/golden/chat.json
"""
import json, os, sys
import jinja2

environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True)
question, answer, second = " How many\n legs? ", "Six.", "Really?"
result = {}
for family in sorted(os.listdir(sys.argv[1])):
    config = json.load(open(f"{sys.argv[1]}/{family}/model/tokenizer_config.json"))
    template = environment.from_string(config["chat_template"])
    tokens = {key: config.get(key) or "" for key in ("bos_token", "eos_token")}
    user = {"role": "user", "content": question}
    talk = [user, {"role": "assistant", "content": answer}, {"role": "user", "content": second}]
    result[family] = {
        "prompt": template.render(messages=[user], add_generation_prompt=True, **tokens),
        "conversation": template.render(messages=talk, add_generation_prompt=False, **tokens),
    }
json.dump({"messages": [question, answer, second], "families": result}, sys.stdout, indent=1, ensure_ascii=False)
