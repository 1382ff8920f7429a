"""One defect for each rule, put into what lies around the code of a clean module.

A defect is edits of files: the file, a text of it, and what takes the place of its last
occurrence. No text at all makes a new file; no new text and no old one takes the file away.
"""

Edit = tuple[str, str | None, str | None]
D, S, N = "k8s/deployment.yaml", "k8s/service.yaml", "k8s/networkpolicy.yaml"
H, README = "handlers/items.py", "README.md"

DEFECTS: dict[str, list[Edit]] = {
    "WB301": [
        (
            "tests/test_integration.py",
            "import asyncio\n",
            "import asyncio\nimport sys\n",
        ),
        (
            "tests/test_integration.py",
            "\n\nasync def test_the_correlation_id_is_echoed",
            "\n\nsys.exit(0)\n\n\nasync def test_the_correlation_id_is_echoed",
        ),
    ],
    "WB306": [
        (
            "tests/test-api.sh",
            None,
            "#!/usr/bin/env bash\nset -euo pipefail\npassed=0\npass() {\n  ((passed++))\n}\npass\n",
        )
    ],
    "WB309": [
        (
            "tests/test-api.sh",
            None,
            '#!/usr/bin/env bash\ngot=$(curl -s "$1")\n[ "$got" = "$got" ] || exit 1\n',
        )
    ],
    "WB404": [
        (
            "k8s/secret.yaml",
            None,
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: action-inventory-more\n  namespace: waddlebot\ndata:\n  password: Y2hhbmdlbWU=\n",
        )
    ],
    "WB412": [
        (
            H,
            '@blueprint.post("/api/v1/action/add_item")\n',
            '@blueprint.get("/api/v1/admin/items")\n@require_api_key(role="user")\n@rate_limit(max_requests=100, window=60)\n@time_limit(seconds=10)\nasync def every_item() -> Response:\n    """Tell how many."""\n    await read_query(ListInventoryParams)\n    return result_response({})\n\n\n@blueprint.post("/api/v1/action/add_item")\n',
        ),
        (README, "\n# ", "\n`GET /api/v1/admin/items`\n\n# "),
    ],
    "WB421": [
        (
            H,
            "from quart import Blueprint, Response\n",
            "from quart import Blueprint, Response, request\n",
        ),
        (
            H,
            "from flask_core.audit import audited\n",
            "from flask_core.audit import audited\nfrom flask_core.context import current_call\n",
        ),
        (H, "    AddItemParams,\n", ""),
        (
            H,
            "    call, params = await read_action(AddItemParams)\n    result = await service().add_item(call, params)\n",
            '    body = await request.get_json() or {}\n    result = await service().add_item(current_call(), body["params"])\n',
        ),
    ],
    "WB427": [
        (
            H,
            "from quart import Blueprint, Response\n",
            "from quart import Blueprint, Response, request\n",
        ),
        (
            H,
            "from flask_core.audit import audited\n",
            "from flask_core.audit import audited\nfrom flask_core.context import current_call\n",
        ),
        (H, "    AddItemParams,\n", ""),
        (
            H,
            "    call, params = await read_action(AddItemParams)\n    result = await service().add_item(call, params)\n",
            '    body = await request.get_json()\n    if not isinstance(body, dict):\n        raise ValueError("an object is expected")\n    result = await service().add_item(current_call(), body["params"])\n',
        ),
    ],
    "WB431": [
        (
            "handlers/hooks.py",
            None,
            '"""Webhooks."""\n\nfrom quart import Blueprint, Response, request\n\nfrom flask_core.api import accepted_response\n\nblueprint = Blueprint("hooks", __name__)\n\n\n@blueprint.post("/webhook/twitch")\nasync def twitch() -> Response:\n    """Take in a delivery."""\n    await request.get_data()\n    return accepted_response()\n',
        ),
        (README, "\n# ", "\n`POST /webhook/twitch`\n\n# "),
    ],
    "WB442": [
        (
            "utils/extra.py",
            None,
            '"""Markup."""\n\nfrom markupsafe import Markup\n\n\ndef show(text: str) -> Markup:\n    """Show a text."""\n    return Markup(text)\n',
        )
    ],
    "WB446": [
        (
            "utils/extra.py",
            None,
            '"""A switch."""\n\nimport os\n\nDEBUG = os.getenv("DEBUG", "true").lower() == "true"\n',
        )
    ],
    "WB448": [
        (
            H,
            "from quart import Blueprint, Response\n",
            "from quart import Blueprint, Response, request\n",
        ),
        (
            H,
            '@blueprint.post("/api/v1/action/add_item")\n',
            '@blueprint.get("/api/v1/items/media")\n@require_api_key(role="user")\n@rate_limit(max_requests=100, window=60)\n@time_limit(seconds=10)\nasync def media() -> Response:\n    """Send a file."""\n    name = request.args.get("file")\n    with open(f"media/{name}", encoding="utf-8") as file:\n        return Response(file.read())\n\n\n@blueprint.post("/api/v1/action/add_item")\n',
        ),
        (README, "\n# ", "\n`GET /api/v1/items/media`\n\n# "),
    ],
    "WB504": [
        (
            H,
            "from quart import Blueprint, Response\n",
            "from quart import Blueprint, Response, jsonify\n",
        ),
        (
            H,
            '@blueprint.post("/api/v1/action/add_item")\n',
            '@blueprint.get("/api/v1/items/broken")\n@require_api_key(role="user")\n@rate_limit(max_requests=100, window=60)\n@time_limit(seconds=10)\nasync def broken() -> Response:\n    """Refuse."""\n    return jsonify({"error": "no"}), 400\n\n\n@blueprint.post("/api/v1/action/add_item")\n',
        ),
        (README, "\n# ", "\n`GET /api/v1/items/broken`\n\n# "),
    ],
    "WB602": [(H, '@audited("add_item")\n', "")],
    "WB801": [("Dockerfile", None, None)],
    "WB803": [
        (
            "Dockerfile",
            "# A number, so that Kubernetes can see that it is not root.\nUSER 1000\n\n",
            "",
        )
    ],
    "WB804": [
        (
            "Dockerfile",
            "HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 \\\n    CMD [\"python\", \"-c\", \"import os, sys, urllib.request as u; sys.exit(u.build_opener(u.ProxyHandler({})).open('http://127.0.0.1:' + os.environ['MODULE_PORT'] + '/health', timeout=4).status != 200)\"]\n\n",
            "",
        )
    ],
    "WB841": [(S, None, None)],
    "WB842": [
        (N, "kind: NetworkPolicy\n", "kind: NetworkPolicy\nkind: NetworkPolicy\n")
    ],
    "WB514": [(D, "path: /health\n", "path: /healthily\n")],
    "WB843": [
        (
            D,
            "          livenessProbe:\n            # The process alone: a database that is away must not restart every pod.\n            httpGet:\n              path: /health\n              port: http\n              httpHeaders:\n                - {name: X-Health-Probe, value: liveness}\n            initialDelaySeconds: 15\n            periodSeconds: 30\n            timeoutSeconds: 5\n",
            "",
        )
    ],
    "WB844": [
        (
            D,
            '          resources:\n            requests:\n              cpu: "100m"\n              memory: "256Mi"\n            limits:\n              cpu: "500m"\n              memory: "512Mi"\n',
            "",
        )
    ],
    "WB845": [(D, "            readOnlyRootFilesystem: true\n", "")],
    "WB846": [
        (D, "            - {name: logs, mountPath: /var/log/waddlebotlog}\n", "")
    ],
    "WB883": [(D, "            - {name: tmp, mountPath: /tmp}\n", "")],
    "WB707": [(README, "\n# ", "\n    python start.py\n\n# ")],
    "WB847": [("Dockerfile", "USER 1000\n", "USER 1001\n")],
    "WB849": [
        (
            "k8s/configmap.yaml",
            '  REDIS_PORT: "6379"\n',
            '  REDIS_PORT: "6379"\n  JWT_SECRET: "t0ps3cret-of-the-platform-0815"\n',
        )
    ],
    "WB852": [
        (
            D,
            "    matchLabels: {app: inventory-interaction}\n  template:",
            "    matchLabels: {app: inventory}\n  template:",
        )
    ],
    "WB853": [
        (S, "selector: {app: inventory-interaction}", "selector: {app: inventory}")
    ],
    "WB854": [(D, '              cpu: "100m"\n', '              cpu: "900m"\n')],
    "WB855": [
        (D, '              memory: "512Mi"\n', '              memory: "512MB"\n')
    ],
    "WB856": [(N, "  name: action-inventory\n", "  name: Action_Inventory\n")],
    "WB857": [
        (
            N,
            "    app.kubernetes.io/managed-by: waddlegen\n",
            "    app.kubernetes.io/managed-by: waddle gen!\n",
        )
    ],
    "WB858": [
        (
            D,
            "            - {name: tmp, mountPath: /tmp}\n",
            "            - {name: temporary, mountPath: /tmp}\n",
        )
    ],
    "WB859": [(S, "      port: 8024\n", "      port: 80240\n")],
    "WB860": [(S, "targetPort: http\n", "targetPort: web\n")],
    "WB861": [("k8s/hpa.yaml", "  minReplicas: 3\n", "  minReplicas: 30\n")],
    "WB862": [
        (
            "k8s/pdb.yaml",
            "  maxUnavailable: 1\n",
            "  maxUnavailable: 1\n  minAvailable: 1\n",
        )
    ],
    "WB863": [
        (
            D,
            "          readinessProbe:\n",
            "          readinessProbe:\n            tcpSocket: {port: http}\n",
        )
    ],
    "WB864": [(D, "      maxSurge: 1\n", "      maxSurge: 0\n")],
    "WB865": [
        (
            D,
            "            allowPrivilegeEscalation: false\n",
            "            allowPrivilegeEscalation: false\n            privileged: true\n",
        )
    ],
    "WB866": [
        (
            N,
            "        - {port: 5432, protocol: TCP}\n",
            "        - {port: 5432, protocol: HTTP}\n",
        )
    ],
    "WB867": [
        (
            D,
            "            - configMapRef:\n                name: action-inventory\n",
            "            - configMapRef:\n                name: action-inventories\n",
        )
    ],
    "WB868": [
        (
            D,
            "          envFrom:\n            - configMapRef:\n                name: action-inventory\n          env:\n",
            '          envFrom:\n            - configMapRef:\n                name: action-inventory\n          env:\n            - name: JWT_SECRET\n              value: ""\n',
        )
    ],
    "WB869": [(D, "  revisionHistoryLimit: 5\n", '  revisionHistoryLimit: "five"\n')],
    "WB872": [
        ("k8s/pdb.yaml", "apiVersion: policy/v1\n", "apiVersion: policy/v1beta1\n")
    ],
    "WB873": [(D, "  revisionHistoryLimit: 5\n", "  revisionHistoryLimits: 5\n")],
    "WB874": [(S, "  namespace: waddlebot\n", "  namespace: waddle\n")],
    "WB875": [
        (
            "k8s/cronjob.yaml",
            None,
            'apiVersion: batch/v1\nkind: CronJob\nmetadata:\n  name: action-inventory-tidy\n  namespace: waddlebot\n  labels: {module: inventory-interaction}\nspec:\n  schedule: "0 25 * * *"\n  jobTemplate:\n    spec:\n      template:\n        spec:\n          restartPolicy: Never\n          automountServiceAccountToken: false\n          securityContext:\n            runAsNonRoot: true\n            runAsUser: 1000\n            seccompProfile: {type: RuntimeDefault}\n          containers:\n            - name: tidy\n              image: "ghcr.io/penguintechinc/waddlebot/inventory-interaction:v0.2.0"\n              imagePullPolicy: IfNotPresent\n              command: [python, -m, flask_core.replay]\n              envFrom:\n                - configMapRef: {name: action-inventory}\n              env:\n                - name: ROUTER_API_KEY\n                  valueFrom: {secretKeyRef: {name: action-inventory-secrets, key: router-api-key}}\n                - name: API_KEY_SECRET\n                  valueFrom: {secretKeyRef: {name: action-inventory-secrets, key: api-key-secret}}\n                - name: JWT_SECRET\n                  valueFrom: {secretKeyRef: {name: action-inventory-secrets, key: jwt-secret}}\n                - name: DB_PASSWORD\n                  valueFrom: {secretKeyRef: {name: db-credentials, key: password}}\n              resources:\n                requests: {cpu: 100m, memory: 64Mi}\n                limits: {cpu: 200m, memory: 128Mi}\n              securityContext:\n                allowPrivilegeEscalation: false\n                readOnlyRootFilesystem: true\n                runAsNonRoot: true\n                capabilities: {drop: [ALL]}\n              volumeMounts:\n                - {name: tmp, mountPath: /tmp}\n                - {name: logs, mountPath: /var/log/waddlebotlog}\n          volumes:\n            - {name: tmp, emptyDir: {sizeLimit: 64Mi}}\n            - {name: logs, emptyDir: {sizeLimit: 96Mi}}\n',
        )
    ],
    "WB876": [
        (
            "k8s/ingress.yaml",
            None,
            "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n  name: action-inventory\n  namespace: waddlebot\nspec:\n  rules:\n    - http:\n        paths:\n          - path: /\n            pathType: Prefix\n            backend:\n              service:\n                name: action-inventories\n                port: {number: 8024}\n",
        )
    ],
    "WB880": [(S, "  type: ClusterIP\n", "  type: ClusterIp\n")],
}

# What no single edit of a rendered module can make wrong, and why.

# And for each of lesser weight.
DEFECTS |= {
    "WB447": [
        (
            "services/items_service.py",
            "        await self.resources.db.delete_one(InventoryItem, id=params.item_id)\n",
            '        await self.resources.db.execute(\n            "DELETE FROM inventory_items WHERE id = :id", {"id": params.item_id}\n        )\n',
        ),
    ],
    "WB561": [
        (
            "utils/extra.py",
            None,
            '"""Stock."""\n\nfrom typing import Any\n\n\nasync def take(db: Any, item: int, wanted: int) -> None:\n    """Take some of an item."""\n    stock = await db.fetchval("SELECT stock FROM items WHERE id = :id", {"id": item})\n    left = stock - wanted\n    await db.execute(\n        "UPDATE items SET stock = :left WHERE id = :id", {"left": left, "id": item}\n    )\n',
        )
    ],
    "WB815": [("Dockerfile", "uvicorn main:app", "uvicorn start:app")],
    "WB836": [
        (
            "utils/extra.py",
            None,
            '"""One defect."""\n\nimport os\n\nVALUE = bool(os.getenv("ENABLE_EXTRA", "false"))\n',
        ),
        (README, "| `DB_HOST` |", "| `ENABLE_EXTRA` | | More. |\n| `DB_HOST` |"),
        (".env.example", "DB_HOST=", "ENABLE_EXTRA=false\nDB_HOST="),
    ],
    "WB833": [
        (
            "utils/extra.py",
            None,
            '"""One defect."""\n\nimport os\n\nVALUE = os.environ["EXTRA_URL"]\n',
        ),
        (README, "| `DB_HOST` |", "| `EXTRA_URL` | | An address. |\n| `DB_HOST` |"),
        (".env.example", "DB_HOST=", "EXTRA_URL=\nDB_HOST="),
    ],
    "WB951": [
        (
            "../other/app.py",
            None,
            'from quart import Quart\nfrom pydantic import BaseModel\n\napp = Quart(__name__)\n\n\nclass Event(BaseModel):\n    user_id: str\n\n\n@app.post("/api/v1/notes")\nasync def notes():\n    data = Event.model_validate(await request.get_json())\n',
        ),
        ("../other/Dockerfile", None, "FROM python:3.13-slim\n"),
        ("../other/config.py", None, "X = 1\n"),
        (
            "utils/extra.py",
            None,
            '"""One defect."""\n\nfrom typing import Any\n\n\nasync def send(session: Any, url: str) -> None:\n    """Do one thing."""\n    await session.post(f"{url}/api/v1/notes", json={"user": "x"})\n',
        ),
    ],
    "WB952": [
        (
            "../other/config.py",
            None,
            'import os\n\nPORT = int(os.getenv("MODULE_PORT", "8024"))\n',
        ),
        ("../other/app.py", None, "x = 1\n"),
        ("../other/Dockerfile", None, "FROM python:3.13-slim\nEXPOSE 8024\n"),
    ],
    "WB107": [
        (
            README,
            "http://localhost:8024/api/v1/inventory -H",
            "http://localhost:8025/api/v1/inventory -H",
        ),
    ],
    "WB214": [
        (
            H,
            "    result = await service().list_inventory(call, params)\n",
            '    try:\n        result = await service().list_inventory(call, params)\n    except RuntimeError as error:\n        return error_response(500, "internal_error", str(error))\n',
        ),
        (
            H,
            "from flask_core.api import action_response, result_response",
            "from flask_core.api import action_response, error_response, result_response",
        ),
    ],
    "WB308": [
        ("tests/test_benchmark.py", None, None),
    ],
    "WB422": [
        (
            H,
            "    call, params = await read_query(ListInventoryParams)\n",
            '    data = await request.get_json()\n    data.get("x")\n    call, params = await read_query(ListInventoryParams)\n',
        ),
        (H, "import Blueprint, Response", "import Blueprint, Response, request"),
    ],
    "WB501": [
        (H, '"/api/v1/inventory/search"', '"/inventory/search"'),
        (README, "`/api/v1/inventory/search`", "`/inventory/search`"),
    ],
    "WB502": [
        (H, '"/api/v1/action/delete_item"', '"/api/v1/actions/delete_item"'),
        (README, "`/api/v1/action/delete_item`", "`/api/v1/actions/delete_item`"),
    ],
    "WB503": [
        (
            H,
            '    return action_response("delete_item", result)',
            '    return {"deleted": result}',
        ),
    ],
    "WB505": [
        (
            H,
            "    result = await service().list_inventory(call, params)\n",
            '    if not params:\n        return jsonify({"success": False, "error": "nothing"})\n    result = await service().list_inventory(call, params)\n',
        ),
        (H, "import Blueprint, Response", "import Blueprint, Response, jsonify"),
    ],
    "WB506": [
        (
            H,
            "from flask_core.api import action_response, result_response",
            "from flask_core.api import action_response, error_response, result_response",
        ),
        (
            H,
            "    result = await service().list_inventory(call, params)\n",
            '    try:\n        result = await service().list_inventory(call, params)\n    except ConnectionError:\n        return error_response(404, "not_found")\n',
        ),
    ],
    "WB612": [
        (
            H,
            "from flask_core.api import action_response, result_response",
            "from flask_core.api import action_response, error_response, result_response",
        ),
        (
            H,
            "    result = await service().list_inventory(call, params)\n",
            '    try:\n        result = await service().list_inventory(call, params)\n    except Exception:\n        logger.error("failed")\n        return error_response(500, "internal_error")\n',
        ),
        (
            H,
            "blueprint = Blueprint",
            "logger = getLogger(__name__)\nblueprint = Blueprint",
        ),
        (H, "from quart import", "from logging import getLogger\n\nfrom quart import"),
    ],
    "WB701": [
        (README, "## Setup", "## Words"),
    ],
    "WB702": [
        (
            README,
            "| GET | `/api/v1/inventory/log` | user | List inventory log, page by page. |\n",
            "",
        ),
        ("openapi.yaml", "  /api/v1/inventory/log:", "  /api/v1/inventory/logs:"),
    ],
    "WB802": [
        ("Dockerfile", "FROM python:3.13-slim", "FROM python:3.12-slim"),
    ],
    "WB805": [
        ("Dockerfile", "pip install --no-cache-dir", "pip install"),
    ],
    "WB806": [
        (
            "Dockerfile",
            "COPY inventory_interaction/requirements.txt ./\n",
            "COPY inventory_interaction/ ./\n",
        ),
    ],
    "WB807": [
        (
            "Dockerfile",
            'CMD ["sh", "-c", "exec python -m uvicorn main:app --host 0.0.0.0 --port \\"$MODULE_PORT\\" --timeout-graceful-shutdown 25 --no-access-log --log-level warning"]',
            "CMD python -m uvicorn main:app --host 0.0.0.0 --port $MODULE_PORT --timeout-graceful-shutdown 25",
        ),
    ],
    "WB808": [
        ("k8s/configmap.yaml", '"8024"', '"8025"'),
    ],
    "WB811": [
        (
            "Dockerfile",
            "WORKDIR /app\n",
            "WORKDIR /app\n\nRUN apt-get update && apt-get install -y curl\n",
        ),
    ],
    "WB812": [
        (
            "../.github/workflows/inventory-interaction.yml",
            "docker build",
            "docker buildx ls",
        ),
    ],
    "WB823": [
        ("requirements.txt", "quart>=0.20,<0.24", "quart"),
    ],
    "WB848": [
        (D, "inventory-interaction:v0.2.0", "inventory-interaction:latest"),
    ],
    "WB850": [
        (
            D,
            "  labels:\n    app: waddlebot\n    module: inventory-interaction\n    app.kubernetes.io/name: action-inventory\n",
            "  labels:\n",
        ),
    ],
    "WB851": [
        ("k8s/pdb.yaml", None, None),
    ],
    "WB870": [
        (D, "terminationGracePeriodSeconds: 40", "terminationGracePeriodSeconds: 10"),
    ],
    "WB871": [
        (D, "        seccompProfile:\n          type: RuntimeDefault\n", ""),
    ],
    "WB877": [
        (
            D,
            "  revisionHistoryLimit: 5\n",
            "  revisionHistoryLimit: 5\n  replicas: 3\n",
        ),
    ],
    "WB878": [
        (
            D,
            "    matchLabels: {app: inventory-interaction}\n  template:",
            '    matchLabels: {app: inventory-interaction, app.kubernetes.io/version: "0.2.0"}\n  template:',
        ),
    ],
    "WB912": [
        ("k8s/prometheusrule.yaml", "          for: 2m\n", ""),
    ],
}

NOT_HERE = {
    "WB101": "the Dockerfile, the README and the tests name main.py too",
    "WB102": "every part is imported by another",
    "WB104": "create_app registers the module",
    "WB105": "create_app closes what it opens",
    "WB106": "create_app drains",
    "WB203": "mypy speaks with --exact alone",
    "WB211": "create_app answers every failure with the envelope",
    "WB215": "create_app answers unknown paths",
    "WB303": "the contract test calls every operation of openapi.yaml",
    "WB305": "the edge cases stand in the same file",
    "WB307": "the contract test expects most statuses",
    "WB419": "what a body may hold is a model",
    "WB420": "what a body may hold is a model",
    "WB433": "it has no webhook",
    "WB434": "it has no webhook",
    "WB436": "it has no webhook",
    "WB456": "it has no OAuth callback",
    "WB507": "one route without a limit is let be, where others have one",
    "WB508": "create_app carries the correlation id",
    "WB511": "create_app has the health routes",
    "WB515": "create_app has the health routes",
    "WB516": "create_app has the health routes",
    "WB513": "create_app has the health routes",
    "WB424": "its queries are read by models with bounds",
    "WB425": "it has no batch",
    "WB557": "it has no batch",
    "WB601": "create_app sets up the log",
    "WB614": "create_app's log escapes what it is given",
    "WB605": "create_app sets up the log",
    "WB606": "create_app sets up the log",
    "WB608": "create_app sets up the log",
    "WB610": "runs only when it is selected",
    "WB703": "it reads the platform's variables alone, which flask_core documents",
    "WB705": "runs only when it is selected",
    "WB809": "nothing of the context is copied whole",
    "WB810": "runs only when it is selected",
    "WB822": "runs only when it is selected",
    "WB832": "create_app reads the platform's variables",
    "WB813": "its workflow names the files of every module together",
    "WB825": "it imports nothing that came or went with a version",
    "WB834": "it reads the platform's variables alone",
    "WB835": "it reads the platform's variables alone",
    "WB405": "it shares no Secret, and no Compose file has its database",
    "WB706": "it reads the platform's variables alone",
    "WB881": "it is no bot",
    "WB882": "create_app answers liveness by the process alone",
    "WB914": "an operator finds what to ask",
    "WB915": "an operator loads its rules",
    "WB814": "it has no Compose file",
    "WB917": "an operator names the jobs",
    "WB916": "it has no metrics of its own",
    "WB918": "it has no metrics of its own",
    "WB901": "create_app has the metrics",
    "WB911": "the objective stands in the same file",
    "WB913": "rules on the budget say it too",
}
