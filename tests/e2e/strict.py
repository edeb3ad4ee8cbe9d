"""ministack, made as strict as CloudFormation about the answers of custom resources.

ministack plays CloudFormation, Lambda, S3 and CloudWatch Logs. It takes any answer for a success, an empty body too,
and so would hide just the faults that leave a real stack hanging for an hour. This module runs ministack in its own
process, watches each event on its way to the function, and lets an answer pass only if AWS would:

* the response URL is pre-signed like S3's, full of escapes, and has to be used to the byte (S3 itself forgives some
  spellings), with PUT and no content type;
* the body has at most 4,096 bytes and says what the event asked: same StackId, RequestId and LogicalResourceId;
* one event has one answer.

It also adds what ministack leaves out: the Delete that follows a failed Create, the log level that Lambda sets for JSON
logs, and credentials that can be told apart from other text, so that a test can look for them in logs. Networks in
templates are made where the endpoints are; see network.py.

Control, as JSON: GET /_strict/report; POST /_strict/issue with an event gives a response URL that no function knows.

Run as `python strict.py`; prints `listening on 127.0.0.1:PORT`. It ends when its standard input does, so that it
cannot outlive who started it.
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

#: Begins every response URL's path, as on AWS, where it is the key of an S3 object.
URL_PREFIX = "/arn%3Aaws%3Acloudformation%3A"
#: Part of every credential that the function is given.
CREDENTIAL_MARK = "NeverLogMe"


def faults(body, event):
    """What AWS would refuse in `body` as the answer to `event`, one sentence each."""
    if len(body) > MAX_BODY:
        return [f"Response object is too long: {len(body)} bytes, {MAX_BODY} are allowed"]
    try:
        answer = json.loads(body)
    except ValueError:
        return ["the answer is not JSON"]
    if not isinstance(answer, dict):
        return ["the answer is not a JSON object"]

    found = []
    if answer.get("Status") not in ("SUCCESS", "FAILED"):
        found.append(f"Status is {answer.get('Status')!r}")
    if answer.get("Status") == "FAILED" and not (isinstance(answer.get("Reason"), str) and answer["Reason"].strip()):
        found.append("FAILED without a Reason")
    for name in ("StackId", "RequestId", "LogicalResourceId"):
        if answer.get(name) != event[name]:
            found.append(f"{name} is {answer.get(name)!r}, not the event's {event[name]!r}")

    physical_id = answer.get("PhysicalResourceId")
    if not isinstance(physical_id, str) or not physical_id.strip():
        found.append(f"PhysicalResourceId is {physical_id!r}")
    elif len(physical_id.encode()) > MAX_PHYSICAL_ID:
        found.append(f"PhysicalResourceId has more than {MAX_PHYSICAL_ID} bytes")
    elif event["RequestType"] == "Delete" and physical_id != event.get("PhysicalResourceId"):
        found.append(f"the answer to a Delete names {physical_id!r}, not {event.get('PhysicalResourceId')!r}")

    # CloudFormation takes more than strings, but what !GetAtt makes of it is nobody's wish.
    data = answer.get("Data", {})
    if not isinstance(data, dict) or not all(isinstance(value, str) for value in data.values()):
        found.append("Data is not a flat map of strings")
    return found


class Ledger:
    """Every event that was sent, the answer to each, and what was wrong with it. Used from many threads."""

    def __init__(self, deliver):
        self._deliver = deliver
        self._lock = threading.Lock()
        self._entries = {}  # target of the response URL -> entry
        self._targets = {}  # ministack's token -> target
        self._violations = []

    def issue(self, token, stack_id, logical_id):
        """A new target (path and query) of a response URL."""
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
        """The function is done with an event. It has to have answered by now, and AWS would retry after an error."""
        with self._lock:
            entry = self._entries[self._targets[token]]
            answered = entry["answer"] is not None
            if isinstance(result, dict) and result.get("error"):
                self._violate(entry, f"the function failed: {json.dumps(result.get('body'))}")
            if not answered:
                self._violate(entry, "the function ended without an answer")
        if not answered:
            self._deliver(token, {"Status": "FAILED", "Reason": "the function ended without an answer"})

    def put(self, method, target, content_type, body):
        """Somebody used a response URL. Returns HTTP status and text."""
        with self._lock:
            entry = self._entries.get(target)
            if entry is None or entry["event"] is None:
                self._violate(None, f"{method} to a response URL that nobody issued, or that was changed on its way")
                return 403, "SignatureDoesNotMatch"
            if method != "PUT" or content_type:
                self._violate(entry, f"{method} with content type {content_type!r}")
                return 403, "SignatureDoesNotMatch"
            if entry["answer"] is not None:
                self._violate(entry, "a second answer to the same event")
                return 400, "already answered"
            entry["bytes"] = len(body)
            wrong = faults(body, entry["event"])
            for sentence in wrong:
                self._violate(entry, sentence)
            # AWS fails the resource at once, too, when it cannot take the answer.
            reason = "refused the answer: " + "; ".join(wrong)
            entry["answer"] = {"Status": "FAILED", "Reason": reason} if wrong else json.loads(body)
        self._deliver(entry["token"], entry["answer"])
        return (400, reason) if wrong else (200, "")

    def answer_to(self, stack_id, logical_id):
        """The latest answer for a resource, or None."""
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
    """What Lambda puts into a function's environment and ministack does not."""
    logging = config.get("LoggingConfig") or {}
    level = {"AWS_LAMBDA_LOG_FORMAT": "JSON", "AWS_LAMBDA_LOG_LEVEL": logging.get("ApplicationLogLevel", "INFO")}
    return {
        "AWS_ACCESS_KEY_ID": "ASIA" + CREDENTIAL_MARK,
        "AWS_SECRET_ACCESS_KEY": "secret" + CREDENTIAL_MARK,
        "AWS_SESSION_TOKEN": "session" + CREDENTIAL_MARK,
        **(level if logging.get("LogFormat") == "JSON" else {}),
    }


def watch(base_url):
    """Puts a ledger between ministack's CloudFormation and its Lambda."""
    from ministack.services import lambda_svc
    from ministack.services.cloudformation import custom_resource, provisioners

    import network

    network.redirect(provisioners._RESOURCE_HANDLERS)
    ledger = Ledger(custom_resource.deliver_response)
    invoke, execute = custom_resource.invoke_custom_resource, lambda_svc._execute_function_with_config_scope
    current = threading.local()  # invoke, URL and execute of one event all run in one thread

    def watched_invoke(request_type, logical_id, props, stack_name, stack_id, resource_type, physical_id=None,
                       old_props=None):
        current.ids = (stack_id, logical_id)
        try:
            return invoke(request_type, logical_id, props, stack_name, stack_id, resource_type, physical_id, old_props)
        except (RuntimeError, TimeoutError):
            if request_type == "Create":
                answer = ledger.answer_to(stack_id, logical_id) or {}
                # Without an id in the answer CloudFormation invents one.
                failed_id = answer.get("PhysicalResourceId") or f"{stack_name}-{logical_id}-{secrets.token_hex(6).upper()}"
                try:
                    invoke("Delete", logical_id, props, stack_name, stack_id, resource_type, failed_id)
                except (RuntimeError, TimeoutError):
                    pass  # in the report; the stack has failed anyway
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
            return result
        finally:
            ledger.ended(token, result)

    custom_resource.invoke_custom_resource = watched_invoke
    custom_resource._response_url = signed_url
    lambda_svc._execute_function_with_config_scope = watched_execute
    lambda_svc.execution_credentials = lambda_environment
    return ledger


def application(ministack, ledger, base_url):
    """The ASGI application: response URLs and control here, all else to ministack."""

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
    # ministack reads these while it is imported.
    os.environ.update(BIND_HOST=HOST, MINISTACK_HOST=HOST, GATEWAY_PORT=str(port),
                      AWS_ENDPOINT_URL=f"http://{HOST}:{port}")
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
