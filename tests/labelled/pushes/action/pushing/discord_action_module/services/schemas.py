"""What each action takes."""

from typing import Any, Dict

SNOWFLAKE = {"type": "string", "required": True, "pattern": r"\d{5,25}"}
REASON = {"type": "string", "max_length": 512, "default": ""}
MESSAGE_REF = {"channel_id": SNOWFLAKE, "message_id": SNOWFLAKE}
MEMBER_REF = {"guild_id": SNOWFLAKE, "user_id": SNOWFLAKE}

SCHEMAS: Dict[str, Dict[str, Dict[str, Any]]] = {
    "send_message": {
        "channel_id": SNOWFLAKE,
        "content": {"type": "string", "required": True, "max_length": 2000},
    },
    "send_embed": {
        "channel_id": SNOWFLAKE,
        "embed": {"type": "object", "required": True},
    },
    "add_reaction": {
        **MESSAGE_REF,
        "emoji": {"type": "string", "required": True, "max_length": 64},
    },
    "edit_message": {
        **MESSAGE_REF,
        "content": {"type": "string", "required": True, "max_length": 2000},
    },
    "delete_message": MESSAGE_REF,
    "manage_role": {
        **MEMBER_REF,
        "role_id": SNOWFLAKE,
        "op": {"type": "string", "required": True, "enum": ("add", "remove")},
    },
    "kick_user": {**MEMBER_REF, "reason": REASON},
    "ban_user": {**MEMBER_REF, "reason": REASON},
}
