"""Runs ministack and makes it as strict as CloudFormation about the responses of custom resources.

ministack simulates CloudFormation, Lambda, S3, and CloudWatch Logs. It treats every response as a success, even one with an
empty body, and would hide exactly the errors that make a real stack hang for an hour. This module runs ministack in its own
process, intercepts each event on its way to the function, and accepts a response only if AWS would:

* The response URL is presigned like an S3 URL, with many escapes, and must be used byte for byte (S3 itself also accepts
  equivalent encodings), with PUT and without a content type.
* The body has at most 4,096 bytes and repeats the StackId, RequestId, and LogicalResourceId of the event.
* Each event gets exactly one response.

It also adds what ministack lacks: the Delete request that follows a failed Create request, the rejection of a changed
ServiceToken, the log level and log group that Lambda sets, and recognizable credentials, so that a test can search for them
in the logs. Network resources in templates are created in the simulated EC2; see network.py.

ministack also invokes the function of a custom resource only synchronously, and knows no destination on success. Here, as
on AWS, the record of such an invocation goes to the destinations of the function's EventInvokeConfig, and the event must
have its response when the destination has ended. A function
that has destinations must not respond itself, because in a VPC it usually cannot.

Control requests, in JSON: GET /_strict/report; POST /_strict/issue with an event returns a response URL that no function
receives.

Run `python strict.py`, which prints `listening on 127.0.0.1:PORT`. It stops when its standard input is closed, so that it
cannot outlive its parent process.
"""

import asyncio
import datetime
import json
import os
import secrets
import signal
import socket
import threading
import urllib.parse

HOST = "127.0.0.1"
MAX_BODY = 4096
MAX_PHYSICAL_ID = 1024

#: The start of the path of every response URL. On AWS, the path is the key of an S3 object.
URL_PREFIX = "/arn%3Aaws%3Acloudformation%3A"
#: Part of every credential that the function receives.
CREDENTIAL_MARK = "NeverLogMe"


def faults(body, event):
    """The reasons why AWS would reject `body` as the response to `event`."""
    if len(body) > MAX_BODY:
        return [f"Response object is too long: {len(body)} bytes, but at most {MAX_BODY} are allowed"]
    try:
        answer = json.loads(body)
    except ValueError:
        return ["the response is not JSON"]
    if not isinstance(answer, dict):
        return ["the response is not a JSON object"]

    found = []
    if answer.get("Status") not in ("SUCCESS", "FAILED"):
        found.append(f"Status is {answer.get('Status')!r}")
    if answer.get("Status") == "FAILED" and not (isinstance(answer.get("Reason"), str) and answer["Reason"].strip()):
        found.append("Status is FAILED, but there is no Reason")
    for name in ("StackId", "RequestId", "LogicalResourceId"):
        if answer.get(name) != event[name]:
            found.append(f"{name} is {answer.get(name)!r}, but that of the event is {event[name]!r}")

    physical_id = answer.get("PhysicalResourceId")
    if not isinstance(physical_id, str) or not physical_id.strip():
        found.append(f"PhysicalResourceId is {physical_id!r}")
    elif len(physical_id.encode()) > MAX_PHYSICAL_ID:
        found.append(f"PhysicalResourceId has more than {MAX_PHYSICAL_ID} bytes")
    elif event["RequestType"] == "Delete" and physical_id != event.get("PhysicalResourceId"):
        found.append(f"the PhysicalResourceId in the response to a Delete request is {physical_id!r}, but that of the "
                     f"event is {event.get('PhysicalResourceId')!r}")

    # CloudFormation accepts values other than strings, but !GetAtt does not return them in a useful form.
    data = answer.get("Data", {})
    if not isinstance(data, dict) or not all(isinstance(value, str) for value in data.values()):
        found.append("Data is not a flat map of strings")
    return found


class Ledger:
    """Records every event, its response, and all violations. Safe to use from several threads."""

    def __init__(self, deliver):
        self._deliver = deliver
        self._lock = threading.Lock()
        self._entries = {}  # target of the response URL -> entry
        self._targets = {}  # ministack's token -> target
        self._violations = []

    def issue(self, token, stack_id, logical_id):
        """Creates the target (path and query) of a response URL."""
        now = datetime.datetime.now(datetime.timezone.utc)
        key = urllib.parse.quote(f"{stack_id}|{logical_id}|{token}", safe="/-_.")
        query = urllib.parse.urlencode({
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
            "X-Amz-Date": now.strftime("%Y%m%dT%H%M%SZ"),
            "X-Amz-SignedHeaders": "host",
            "X-Amz-Expires": "7200",
            "X-Amz-Credential": f"AKIA{CREDENTIAL_MARK}/{now:%Y%m%d}/us-east-1/s3/aws4_request",
            "X-Amz-Signature": secrets.token_hex(32),
        })
        with self._lock:
            self._targets[token] = f"/{key}?{query}"
            self._entries[f"/{key}?{query}"] = {"token": token, "event": None, "answer": None, "bytes": 0}
        return f"/{key}?{query}"

    def sent(self, token, event):
        with self._lock:
            self._entries[self._targets[token]]["event"] = {k: v for k, v in event.items() if k != "ResponseURL"}

    def ended(self, token, result):
        """Records that an invocation ended. By now, the function must have responded. After an error, AWS would retry."""
        with self._lock:
            entry = self._entries[self._targets[token]]
            answered = entry["answer"] is not None
            if isinstance(result, dict) and result.get("error"):
                self._violate(entry, f"the function failed: {json.dumps(result.get('body'))}")
            if not answered:
                self._violate(entry, "the function ended without a response")
        if not answered:
            self._deliver(token, {"Status": "FAILED", "Reason": "the function ended without a response"})

    def is_answered(self, token):
        with self._lock:
            return self._entries[self._targets[token]]["answer"] is not None

    def violation(self, token, what):
        with self._lock:
            self._violate(self._entries[self._targets[token]], what)

    def put(self, method, target, content_type, body):
        """Handles a request to a response URL. Returns the HTTP status and body."""
        with self._lock:
            entry = self._entries.get(target)
            if entry is None or entry["event"] is None:
                self._violate(None, f"{method} to an unknown or modified response URL")
                return 403, "SignatureDoesNotMatch"
            if method != "PUT" or content_type:
                self._violate(entry, f"{method} with content type {content_type!r}")
                return 403, "SignatureDoesNotMatch"
            if entry["answer"] is not None:
                self._violate(entry, "a second response to the same event")
                return 400, "the event already has a response"
            entry["bytes"] = len(body)
            wrong = faults(body, entry["event"])
            for sentence in wrong:
                self._violate(entry, sentence)
            # AWS also fails the resource immediately if it cannot accept the response.
            reason = "the response was rejected: " + "; ".join(wrong)
            entry["answer"] = {"Status": "FAILED", "Reason": reason} if wrong else json.loads(body)
        self._deliver(entry["token"], entry["answer"])
        return (400, reason) if wrong else (200, "")

    def answer_to(self, stack_id, logical_id):
        """The latest response for a resource, or None."""
        with self._lock:
            for entry in reversed(self._entries.values()):
                event = entry["event"]
                if event and (event["StackId"], event["LogicalResourceId"]) == (stack_id, logical_id):
                    return entry["answer"]

    def report(self):
        with self._lock:
            exchanges = [{k: entry[k] for k in ("event", "answer", "bytes")} for entry in self._entries.values()]
            return {"exchanges": exchanges, "violations": list(self._violations)}

    def _violate(self, entry, what):
        event = entry["event"] if entry else {}
        where = {name: event.get(name) for name in ("StackId", "LogicalResourceId", "RequestType", "RequestId")}
        self._violations.append({**where, "what": what})


def lambda_environment(config):
    """The environment variables that Lambda sets and ministack does not, and those of inside_vpc.c for a function with
    subnets."""
    logging = config.get("LoggingConfig") or {}
    level = {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": logging.get("ApplicationLogLevel", "INFO")}
    group = logging.get("LogGroup")
    subnets = (config.get("VpcConfig") or {}).get("SubnetIds")
    return {
        **({"LD_PRELOAD": os.environ["INSIDE_VPC_LIBRARY"], "INSIDE_VPC_SUBNET": subnets[0]} if subnets else {}),
        **({"AWS_LAMBDA_LOG_GROUP_NAME": group} if group else {}),
        "AWS_ACCESS_KEY_ID": "ASIA" + CREDENTIAL_MARK,
        "AWS_SECRET_ACCESS_KEY": "secret" + CREDENTIAL_MARK,
        "AWS_SESSION_TOKEN": "session" + CREDENTIAL_MARK,
        **(level if logging.get("LogFormat") == "JSON" else {}),
    }


def destination(function, result):
    """The ARN to which Lambda sends the record of an asynchronous invocation that ended with `result`, or None."""
    config = function.get("event_invoke_config") or (function.get("event_invoke_configs") or {}).get("$LATEST") or {}
    kind = "OnFailure" if result.get("error") else "OnSuccess"
    return ((config.get("DestinationConfig") or {}).get(kind) or {}).get("Destination")


def invocation_record(function, event, result):
    """The record, in the form of the Lambda developer guide ("Capturing records of Lambda asynchronous invocations")."""
    failed = bool(result.get("error"))
    config = function.get("config") or function
    body = result.get("body")
    if isinstance(body, (bytes, str)):
        body = json.loads(body)
    return {
        "version": "1.0",
        "timestamp": datetime.datetime.now(datetime.timezone.utc).isoformat(),
        "requestContext": {
            "requestId": secrets.token_hex(16),
            "functionArn": config["FunctionArn"] + ":$LATEST",
            "condition": "RetriesExhausted" if failed else "Success",
            "approximateInvokeCount": 1,
        },
        "requestPayload": event,
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST",
                            **({"functionError": "Unhandled"} if failed else {})},
        "responsePayload": body,
    }


def watch(base_url):
    """Inserts a ledger between ministack's CloudFormation and its Lambda."""
    from ministack.services import lambda_svc
    from ministack.services.cloudformation import custom_resource, provisioners

    import network

    network.redirect(provisioners._RESOURCE_HANDLERS)
    ledger = Ledger(custom_resource.deliver_response)
    invoke, execute = custom_resource.invoke_custom_resource, lambda_svc._execute_function_with_config_scope
    current = threading.local()  # The invoke, URL, and execute functions of an event run in the same thread.
    rejected = {}  # The service tokens that resources were not allowed to change to.

    def watched_invoke(request_type, logical_id, props, stack_name, stack_id, resource_type, physical_id=None,
                       old_props=None):
        current.ids = (stack_id, logical_id)
        if request_type == "Update" and (old_props or {}).get("ServiceToken") != props["ServiceToken"]:
            # The rollback of a rejected update sends no event either.
            if rejected.pop(current.ids, None) == old_props["ServiceToken"]:
                return physical_id, {}
            rejected[current.ids] = props["ServiceToken"]
            raise RuntimeError("Modifying service token is not allowed.")
        try:
            return invoke(request_type, logical_id, props, stack_name, stack_id, resource_type, physical_id, old_props)
        except (RuntimeError, TimeoutError):
            if request_type == "Create":
                answer = ledger.answer_to(stack_id, logical_id) or {}
                # If the response has no ID, CloudFormation generates one.
                failed_id = answer.get("PhysicalResourceId") or f"{stack_name}-{logical_id}-{secrets.token_hex(6).upper()}"
                try:
                    invoke("Delete", logical_id, props, stack_name, stack_id, resource_type, failed_id)
                except (RuntimeError, TimeoutError):
                    pass  # The failure is in the report, and the stack has failed anyway.
            raise

    def signed_url(token):
        current.token = token
        return base_url + ledger.issue(token, *current.ids)

    def watched_execute(function, event):
        if not (isinstance(event, dict) and "ResponseURL" in event):
            return execute(function, event)
        token = current.token
        ledger.sent(token, event)
        result = None
        try:
            result = execute(function, event)
            carrier = destination(function, result)
            if carrier is None:
                return result
            if ledger.is_answered(token):
                ledger.violation(token, "a function that has a destination for its result has responded itself")
            target, _, _ = lambda_svc._get_func_record_for_ref(carrier)
            if target is None:
                result = {"error": True, "body": f"the destination {carrier} does not exist"}
            else:
                result = execute(target, invocation_record(function, event, result))
            return result
        finally:
            ledger.ended(token, result)

    custom_resource.invoke_custom_resource = watched_invoke
    custom_resource._response_url = signed_url
    lambda_svc._execute_function_with_config_scope = watched_execute
    lambda_svc.execution_credentials = lambda_environment
    return ledger


def application(ministack, ledger, base_url):
    """The ASGI application. Handles response URLs and control requests, and passes all other requests to ministack."""

    async def read(receive):
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        return body

    async def app(scope, receive, send):
        path = scope.get("raw_path", b"").decode("latin-1")
        ours = ("/_strict/", "/_ministack/cfn-response/", urllib.parse.unquote(URL_PREFIX))
        if scope["type"] != "http" or not urllib.parse.unquote(path).startswith(ours):
            return await ministack(scope, receive, send)
        body = await read(receive)
        if path == "/_strict/report":
            status, text = 200, json.dumps(ledger.report())
        elif path == "/_strict/issue":
            event, token = json.loads(body), secrets.token_hex(16)
            url = base_url + ledger.issue(token, event["StackId"], event["LogicalResourceId"])
            ledger.sent(token, event)
            status, text = 200, json.dumps({"ResponseURL": url})
        else:
            content_type = dict(scope["headers"]).get(b"content-type", b"").decode("latin-1")
            target = path + "?" + scope["query_string"].decode("latin-1")
            status, text = ledger.put(scope["method"], target, content_type, body)
        payload = text.encode()
        await send({"type": "http.response.start", "status": status,
                    "headers": [(b"content-length", str(len(payload)).encode())]})
        await send({"type": "http.response.body", "body": payload})

    return app


def end_with_standard_input():
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def main():
    listener = socket.create_server((HOST, 0))
    port = listener.getsockname()[1]
    # ministack reads these variables at import.
    os.environ.update(BIND_HOST=HOST, MINISTACK_HOST=HOST, GATEWAY_PORT=str(port),
                      AWS_ENDPOINT_URL=f"http://{HOST}:{port}",
                      # For the functions. Their clients do not read AWS_ENDPOINT_URL.
                      AWS_ENDPOINT_URL_SECRETS_MANAGER=f"http://{HOST}:{port}",
                      AWS_ENDPOINT_URL_CLOUDFORMATION=f"http://{HOST}:{port}")
    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    from ministack.app import app as ministack

    base_url = f"http://{HOST}:{port}"
    config = Config()
    config.bind = [f"fd://{listener.fileno()}"]
    config.graceful_timeout = 1
    threading.Thread(target=end_with_standard_input, daemon=True).start()
    print(f"listening on {HOST}:{port}", flush=True)
    asyncio.run(serve(application(ministack, watch(base_url), base_url), config))


if __name__ == "__main__":
    main()
