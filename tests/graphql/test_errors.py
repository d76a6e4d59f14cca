from .toy import run


def test_permissions_are_named_in_the_words_of_the_dialect():
    error = run("{ products(limit: 1) { refused } }").errors[0]
    assert error == {
        "message": "To access this path, you need one of the following permissions: MANAGE_PRODUCTS, MANAGE_ORDERS",
        "locations": [{"line": 1, "column": 24}],
        "path": ["products", 0, "refused"],
        "extensions": {"exception": {"code": "PermissionDenied"}},
    }


def test_unknown_exception_is_masked_and_logged_once(caplog):
    found = run("{ products { broken } }")
    assert all(error["message"] == "Internal Server Error" for error in found.errors)
    assert found.errors[0]["extensions"] == {"exception": {"code": "InternalServerError"}}
    assert [record.getMessage() for record in caplog.records] == ["A resolver failed at products.2.broken"]
    assert "a secret of the database" in caplog.text


def test_stack_traces_are_shown_in_debug_only(settings):
    settings.DEBUG = True
    trace = run("{ products { broken } }").errors[0]["extensions"]["exception"]["stacktrace"]
    assert trace[-1] == "RuntimeError: a secret of the database"
