//! The tables of `docs/ERRORS.md`: what callers were promised.

use tonic::Code;

const DOCUMENT: &str = include_str!("../../../docs/ERRORS.md");

/// The code of a call that Grid refused: of the first row that fits.
pub fn code_of_refusal(call: &str, status: u16, grid_code: Option<&str>) -> Code {
    let status = status.to_string();
    let class = format!("{}xx", &status[..1]);
    let rows = rows("| HTTP status | Grid's code | call | gRPC code |");
    let fits = |cell: &str, value: &str| cell == "*" || cell == value;
    let row = rows.iter().find(|row| {
        (fits(row[0], &status) || row[0] == class) && fits(row[1], grid_code.unwrap_or_default()) && fits(row[2], call)
    });
    code(row.unwrap()[3])
}

/// The code that goes with a reason of the domain `gridgate`.
pub fn code_of_reason(reason: &str) -> Code {
    let rows = rows("| reason (domain `gridgate`) | gRPC code | meaning |");
    let row = rows.iter().find(|row| row[0] == reason).unwrap_or_else(|| panic!("{reason} is not documented"));
    code(row[1])
}

/// The rows of the table with this header.
fn rows(header: &str) -> Vec<Vec<&'static str>> {
    let (_, table) = DOCUMENT.split_once(header).unwrap();
    let rows: Vec<_> = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .map(|line| line.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>())
        .collect();
    assert!(rows.len() > 5, "a table");
    rows
}

fn code(name: &str) -> Code {
    let spelled = name.replace('_', "");
    (0..=16).map(Code::from).find(|code| format!("{code:?}").to_uppercase() == spelled).unwrap()
}
