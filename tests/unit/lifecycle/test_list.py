"""A list of tenants: what is one, and what each of its lines says. No server is asked."""

import pytest

from tenants.services.create_list import Line, read_list, write_errors
from tenants.services.errors import InvalidList
from tenants.services.types import AUTO, ProvisionRequest


@pytest.fixture
def read(tmp_path):
    def read(text, **options):
        path = tmp_path / "tenants.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_list(path, **options)

    return read


def requests(lines):
    assert [line.error for line in lines] == [""] * len(lines)
    return [line.request for line in lines]


def test_each_line_is_a_request(read):
    lines = read(
        "slug,name,domains,shard,admin_email\n"
        "acme,Acme Ltd,www.acme.example acme.example,beta,ann@acme.example\n"
        "birch,,,,\n"
    )
    assert requests(lines) == [
        ProvisionRequest(
            slug="acme",
            name="Acme Ltd",
            shard="beta",
            domains=("www.acme.example", "acme.example"),
            admin_email="ann@acme.example",
        ),
        ProvisionRequest(slug="birch"),
    ]
    assert [line.number for line in lines] == [2, 3]


def test_a_line_may_name_a_plan_that_there_is(read, settings):
    settings.ATOLL_PLANS = "small=8/1500ms"
    lines = read("slug,plan\nacme,small\nbirch,none\ncoral,\ndune,huge\n")
    assert [each.plan for each in requests(lines[:3])] == ["small", "", ""]
    assert (lines[3].number, lines[3].request) == (5, None)
    assert "There is no plan 'huge'" in lines[3].error


@pytest.mark.parametrize(
    "text",
    [
        "slug,name\nacme,Acme\n",
        "slug;name\r\nacme;Acme\r\n",
        "slug\tname\nacme\tAcme",
        "\ufeffSlug , NAME\n acme , Acme \n",
        "name,slug\nAcme,acme\n",
        'slug,name\n\n"acme","Acme"\n\n',
        "line,error,slug,name\n7,it was wrong,acme,Acme\n",
    ],
    ids=["commas", "semicolons", "tabs", "marks", "order", "blank-lines", "errors"],
)
def test_as_programs_write_it(read, text):
    assert requests(read(text)) == [ProvisionRequest(slug="acme", name="Acme")]


def test_lines_without_a_shard_go_where_the_option_says(read):
    text = "slug,shard\nacme,\nbirch,alpha\n"
    assert [each.shard for each in requests(read(text, shard="beta"))] == ["beta", "alpha"]
    assert requests(read(text))[0].shard == AUTO


def test_a_cell_may_hold_line_breaks_and_the_number_is_that_of_its_first_line(read):
    lines = read('slug,name\nacme,"Acme\nand Sons"\nBirch,x\n')
    assert [(line.number, bool(line.error)) for line in lines] == [(2, True), (4, True)]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "It is empty"),
        ("\n\n", "It is empty"),
        ("slug\n", "names no tenant"),
        ("acme,Acme Ltd\n", "names no columns"),
        ("name\nAcme\n", "names no columns"),
        ("slug,color\nacme,red\n", "column 'color'"),
        ("slug,slug\nacme,acme\n", "twice"),
        ("slug,admin_password\nacme,secret\n", "Passwords do not belong"),
        (b"slug,name\nacme,Caf\xe9\n", "Line 2 is not UTF-8"),
        ('slug,name\nacme,"Acme\n', "no CSV"),
        ('slug,name\nacme,"A"cme\n', "no CSV"),
    ],
)
def test_what_is_no_list_is_refused_as_a_whole(read, text, says):
    with pytest.raises(InvalidList, match=f"{says}.*Nothing was changed"):
        read(text)


def test_a_file_that_cannot_be_read_says_so(tmp_path):
    with pytest.raises(InvalidList, match="No such file"):
        read_list(tmp_path / "none.csv")
    with pytest.raises(InvalidList, match="directory"):
        read_list(tmp_path)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("Acme,,,,", "capital letters"),
        (",Acme,,,", "it is empty"),
        ("acme,,not a domain,,", "cannot be a domain"),
        ("acme,,,,nobody", "no e-mail address"),
        ("acme,,,,,,", "7 cells"),
        ("acme,a\0b,,,", "cannot be shown"),
    ],
)
def test_a_wrong_line_is_told_and_the_others_stand(read, line, says):
    head = "slug,name,domains,shard,admin_email\n"
    wrong, right = read(f"{head}{line}\nbirch,,,,\n")
    assert says in wrong.error
    assert (wrong.request, right.request) == (None, ProvisionRequest(slug="birch"))


def test_of_two_lines_for_one_slug_or_domain_the_second_is_wrong(read):
    lines = read(
        "slug,domains\nacme,www.acme.example\nacme,\nbirch,WWW.acme.example\ncoral,\n",
    )
    assert [line.error for line in lines] == [
        "",
        "Line 2 has 'acme' already.",
        "Line 2 has 'www.acme.example' already.",
        "",
    ]


def test_labels_stand_between_spaces(read):
    (request,) = requests(read("slug,labels\nacme,eu ssd\n"))
    assert request == ProvisionRequest(slug="acme", labels=("eu", "ssd"))


def test_a_file_of_errors_is_a_list_again(read, tmp_path):
    lines = read("slug,name\nacme,Acme\nBirch,Birch & Sons\n")
    errors = tmp_path / "tenants.errors.csv"
    write_errors(errors, [(lines[1], lines[1].error)])
    text = errors.read_text()
    assert text.startswith("line,error,slug,name,domains,shard,labels,plan,admin_email\n3,")
    errors.write_text(text.replace(",Birch,", ",birch,"))
    assert requests(read_list(errors)) == [ProvisionRequest(slug="birch", name="Birch & Sons")]


def test_without_failures_an_earlier_file_of_errors_goes(tmp_path):
    errors = tmp_path / "e.csv"
    write_errors(errors, [(Line(2, {"slug": "x"}), "why")])
    write_errors(errors, [])
    assert not errors.exists()
    write_errors(errors, [])


@pytest.mark.parametrize("failed", [[], [(Line(2, {"slug": "x"}), "why")]])
def test_no_other_file_is_written_over(tmp_path, failed):
    precious = tmp_path / "precious.csv"
    precious.write_text("slug\nacme\n")
    with pytest.raises(InvalidList, match="no file of errors"):
        write_errors(precious, failed)
    assert precious.read_text() == "slug\nacme\n"
