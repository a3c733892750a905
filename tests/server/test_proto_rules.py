"""The protos keep their rules, and each rule catches what it is there for.

Where the real ``buf`` is installed, both must find the same in every example.
"""

import importlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("grpc_tools")
PROTO = Path(__file__).parents[2] / "proto"
BUF = shutil.which("buf")
NAME = "shop/v1/shop.proto"
GOOD = {
    NAME: """syntax = "proto3";
package shop.v1;
import "google/protobuf/empty.proto";
import "shop/v1/fruit.proto";
// Sells.
service ShopService {
  // Sells one.
  rpc Buy(BuyRequest) returns (BuyResponse);
  // Throws one away.
  rpc DeleteFruit(DeleteFruitRequest) returns (google.protobuf.Empty);
}
// What is wanted.
message BuyRequest {
  reserved 7, 9 to 12;
  reserved "colour";
  // Which.
  Fruit fruit = 1;
  // How many.
  int32 count = 2;
  // Some.
  optional string note = 3;
  // By name.
  map<string, double> prices = 4;
  // One of them.
  oneof payment {
    // Money.
    int64 cash = 5;
    // A promise.
    string promise = 6;
  }
}
// What is given.
message BuyResponse {
  // It.
  Fruit fruit = 1;
}
// What goes.
message DeleteFruitRequest {
  // Which.
  Fruit fruit = 1;
}
""",
    "shop/v1/fruit.proto": """syntax = "proto3";
package shop.v1;
// Kinds of fruit.
enum Fruit {
  reserved 5;
  FRUIT_UNSPECIFIED = 0;
  FRUIT_PEAR = 1;
  FRUIT_PLUM = 2;
}
// A basket.
message Basket {
  // Inside.
  message Slot {
    // What.
    Fruit fruit = 1;
  }
  // All.
  repeated Slot slots = 1;
}
""",
}
ENUM = "enum Fruit {\n  reserved 5;\n"
LINT = [
    ("service ShopService", "service shop_Service", "SERVICE_PASCAL_CASE"),
    ("service ShopService", "service Shop", "SERVICE_SUFFIX"),
    ("rpc Buy(", "rpc buy(", "RPC_PASCAL_CASE"),
    ("message Basket", "message basket", "MESSAGE_PASCAL_CASE"),
    ("int32 count", "int32 Count", "FIELD_LOWER_SNAKE_CASE"),
    ("oneof payment", "oneof Payment", "ONEOF_LOWER_SNAKE_CASE"),
    ("FRUIT_PLUM", "FRUIT_plum", "ENUM_VALUE_UPPER_SNAKE_CASE"),
    ("FRUIT_PLUM", "PLUM", "ENUM_VALUE_PREFIX"),
    ("FRUIT_UNSPECIFIED", "FRUIT_NONE", "ENUM_ZERO_VALUE_SUFFIX"),
    (ENUM, ENUM + "  option allow_alias = true; FRUIT_NO = 0;", "ENUM_NO_ALLOW_ALIAS"),
    ("package shop.v1;", "package shop.V1;", "PACKAGE_LOWER_SNAKE_CASE"),
    ("package shop.v1;", "package shop.one;", "PACKAGE_VERSION_SUFFIX"),
    ("package shop.v1;", "package store.v1;", "PACKAGE_DIRECTORY_MATCH"),
    ('import "goo', 'option go_package = "a";\nimport "goo', "PACKAGE_SAME_GO_PACKAGE"),
    ('import "goo', 'import "google/protobuf/any.proto";\nimport "goo', "IMPORT_USED"),
    ('import "shop', 'import public "shop', "IMPORT_NO_PUBLIC"),
    ("DeleteFruit(DeleteFruitRequest)", "DeleteFruit(BuyRequest)", "RPC_REQUEST_STANDARD_NAME"),
    ("DeleteFruit(DeleteFruitRequest)", "DeleteFruit(BuyRequest)", "RPC_REQUEST_RESPONSE_UNIQUE"),
    ("returns (BuyResponse)", "returns (google.protobuf.Empty)", "RPC_RESPONSE_STANDARD_NAME"),
    ("returns (BuyResponse)", "returns (google.protobuf.Empty)", "RPC_RESPONSE_AIP"),
    ("// Sells.\n", "\n", "COMMENT_SERVICE"),
    ("// Sells one.\n", "\n", "COMMENT_RPC"),
    ("// A basket.\n", "\n", "COMMENT_MESSAGE"),
    ("// Kinds of fruit.\n", "\n", "COMMENT_ENUM"),
    ("// How many.\n", "\n", "COMMENT_FIELD"),
    ("// One of them.\n", "\n", "COMMENT_ONEOF"),
]
PROTO2 = [
    ('syntax = "proto2";', "", "SYNTAX_SPECIFIED"),
    ("optional int32 count = 1;", "required int32 count = 1;", "FIELD_NOT_REQUIRED"),
    ("FRUIT_PEAR = 0;", "FRUIT_PEAR = 1;", "ENUM_FIRST_VALUE_ZERO"),
]
BREAKING = [
    ("// Sells.\nservice", "service Other {}\nservice", None),
    ("int32 count = 2;", "int64 count = 2;", "FIELD_SAME_TYPE"),
    ("map<string, double>", "map<string, float>", "FIELD_SAME_TYPE"),
    ("int32 count = 2;", "string amount = 2;", "FIELD_SAME_NAME"),
    ("int32 count = 2;", 'int32 count = 2 [json_name = "n"];', "FIELD_SAME_JSON_NAME"),
    ("int32 count = 2;", "int32 count = 8;", "FIELD_NO_DELETE"),
    ("int32 count = 2;", "repeated int32 count = 2;", "FIELD_SAME_CARDINALITY"),
    ("optional string note", "string note", "FIELD_SAME_CARDINALITY"),
    ("int64 cash = 5;", "int64 cash = 5 [jstype = JS_STRING];", "FIELD_SAME_JSTYPE"),
    ("    // Money.\n    int64 cash = 5;\n", "", "FIELD_NO_DELETE"),
    ("    string promise = 6;\n  }", "  }\n  string promise = 6;", "FIELD_SAME_ONEOF"),
    ("oneof payment", "oneof paying", "ONEOF_NO_DELETE"),
    ("  reserved 7, 9 to 12;\n", "  reserved 7;\n", "RESERVED_MESSAGE_NO_DELETE"),
    ('  reserved "colour";\n', "", "RESERVED_MESSAGE_NO_DELETE"),
    ("  reserved 5;\n", "", "RESERVED_ENUM_NO_DELETE"),
    ("  FRUIT_PLUM = 2;\n", "", "ENUM_VALUE_NO_DELETE"),
    ("FRUIT_PLUM", "FRUIT_FIG", "ENUM_VALUE_SAME_NAME"),
    ("  // Sells one.\n  rpc Buy(BuyRequest) returns (BuyResponse);\n", "", "RPC_NO_DELETE"),
    ("service ShopService", "service StoreService", "SERVICE_NO_DELETE"),
    ("DeleteFruitRequest", "DeleteFruitsRequest", "MESSAGE_NO_DELETE"),
    ("Slot", "Place", "MESSAGE_NO_DELETE"),
    ("Fruit {\n  r", "Crop {\n  r", "ENUM_NO_DELETE"),
    ("Buy(BuyRequest)", "Buy(DeleteFruitRequest)", "RPC_SAME_REQUEST_TYPE"),
    ("(BuyResponse)", "(google.protobuf.Empty)", "RPC_SAME_RESPONSE_TYPE"),
    ("Buy(BuyRequest)", "Buy(stream BuyRequest)", "RPC_SAME_CLIENT_STREAMING"),
    ("(BuyResponse)", "(stream BuyResponse)", "RPC_SAME_SERVER_STREAMING"),
    (
        "returns (BuyResponse);",
        "returns (BuyResponse) { option idempotency_level = IDEMPOTENT; }",
        "RPC_SAME_IDEMPOTENCY_LEVEL",
    ),
    ("package shop.v1;", "package shop.v2;", "FILE_SAME_PACKAGE"),
    ('import "goo', 'option go_package = "a";\nimport "goo', "FILE_SAME_GO_PACKAGE"),
]


@pytest.fixture(scope="module")
def rules():
    """The modules of the tool, which is a script and not a package."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(PROTO))
        names = ("descriptors", "lint_rules", "breaking_rules")
        yield {name: importlib.import_module(name) for name in names}
        for name in (*names, "generate"):
            sys.modules.pop(name, None)


def write(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def changed(old, new):
    assert any(old in text for text in GOOD.values()), old
    files = {name: text.replace(old, new) for name, text in GOOD.items()}
    if "Crop" in new:  # the enum's users follow its new name
        files = {name: text.replace("Fruit fruit", "Crop fruit") for name, text in files.items()}
    return files


def found(findings):
    return {finding.rule for finding in findings}


def buf(command, *arguments):
    done = subprocess.run(
        [BUF, command, *arguments, "--error-format", "json"], capture_output=True, text=True
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert not any(line["type"] == "COMPILE" for line in lines), done.stdout
    return {line["type"] for line in lines if not line.get("path", "").startswith("google/")}


def check_lint(rules, folder, rule):
    files = rules["descriptors"].describe(folder)
    ours = found(rules["lint_rules"].lint(files))
    assert rule is None or rule in ours
    if BUF:
        image = folder / "set.binpb"
        image.write_bytes(files.SerializeToString())
        config = {"version": "v2", "lint": {"use": ["STANDARD", "COMMENTS"]}}
        theirs = buf("lint", str(image), "--config", json.dumps(config))
        # The first is ours alone, and images do not tell buf of the others.
        unseen = {"RPC_RESPONSE_AIP", "IMPORT_USED", "SYNTAX_SPECIFIED"}
        assert ours - unseen == theirs - unseen
    return ours


def test_the_protos_keep_the_rules_and_the_baseline():
    done = subprocess.run(
        [sys.executable, PROTO / "check.py"], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_good_protos_are_not_blamed(rules, tmp_path):
    ours = check_lint(rules, write(tmp_path, GOOD), None)
    # Allowed by AIP-135, and so told only by the rule that knows no AIPs.
    assert ours == {"RPC_RESPONSE_STANDARD_NAME", "COMMENT_ENUM_VALUE"}


@pytest.mark.parametrize(("old", "new", "rule"), LINT)
def test_each_rule_of_style_is_enforced(rules, tmp_path, old, new, rule):
    check_lint(rules, write(tmp_path, changed(old, new)), rule)


@pytest.mark.parametrize(("old", "new", "rule"), PROTO2)
def test_each_rule_for_older_syntax_is_enforced(rules, tmp_path, old, new, rule):
    text = (
        'syntax = "proto2";\npackage shop.v1;\n'
        "enum Fruit { FRUIT_PEAR = 0; }\nmessage Basket { optional int32 count = 1; }\n"
    )
    assert rule not in check_lint(rules, write(tmp_path / "a", {NAME: text}), None)
    check_lint(rules, write(tmp_path / "b", {NAME: text.replace(old, new)}), rule)


@pytest.mark.parametrize(
    ("files", "rule"),
    [
        ({"shop/v1/Shop.proto": GOOD["shop/v1/fruit.proto"]}, "FILE_LOWER_SNAKE_CASE"),
        ({"fruit.proto": 'syntax = "proto3"; message A {}'}, "PACKAGE_DEFINED"),
        (
            GOOD | {"shop/v1/b.proto": 'syntax = "proto3"; package shop.v2;'},
            "DIRECTORY_SAME_PACKAGE",
        ),
        (GOOD | {"a/b.proto": 'syntax = "proto3"; package shop.v1;'}, "PACKAGE_SAME_DIRECTORY"),
    ],
)
def test_each_rule_of_files_is_enforced(rules, tmp_path, files, rule):
    check_lint(rules, write(tmp_path, files), rule)


def compare(rules, tmp_path, files, before=GOOD):
    describe = rules["descriptors"].describe
    old = describe(write(tmp_path / "old", before))
    new = describe(write(tmp_path / "new", files))
    ours = found(rules["breaking_rules"].breaking(old, new))
    if BUF:
        images = [tmp_path / "old.binpb", tmp_path / "new.binpb"]
        for image, described in zip(images, (old, new), strict=True):
            image.write_bytes(described.SerializeToString())
        config = json.dumps({"version": "v2", "breaking": {"use": ["FILE"]}})
        theirs = buf("breaking", str(images[1]), "--against", str(images[0]), "--config", config)
        assert ours == theirs - {"MESSAGE_SAME_JSON_FORMAT"}  # told by the syntax
    return ours


@pytest.mark.parametrize(("old", "new", "rule"), BREAKING)
def test_each_breaking_change_is_told(rules, tmp_path, old, new, rule):
    ours = compare(rules, tmp_path, changed(old, new))
    assert rule in ours if rule else not ours


def test_another_syntax_is_told(rules, tmp_path):
    one, other = ({NAME: f'syntax = "proto{n}"; package shop.v1; message A {{}}'} for n in (2, 3))
    assert compare(rules, tmp_path, one, other) == {"FILE_SAME_SYNTAX"}


def test_a_removed_file_is_told_and_additions_are_not(rules, tmp_path):
    fruit = "shop/v1/fruit.proto"
    assert compare(rules, tmp_path / "a", {fruit: GOOD[fruit]}) == {"FILE_NO_DELETE"}
    more = GOOD | {"shop/v1/more.proto": 'syntax = "proto3"; package shop.v1; message More {}'}
    more[fruit] += "message Crate { Fruit fruit = 1; }"
    more[NAME] = more[NAME].replace("count = 2;", "count = 2; int32 weight = 13;")
    assert compare(rules, tmp_path / "b", more) == set()
