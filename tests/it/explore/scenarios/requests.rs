//! Holders that request different things of one endpoint.

use super::{base, every, owned};
use crate::explore::cloudformation::{Clients, Operation, Planned, SPEC, Spec, plan};
use crate::explore::ec2::Moment;
use crate::explore::scenario::{Existing, Scenario};

/// What one stack requests, and what another requests instead.
fn pairs() -> [(&'static str, Spec, Spec); 4] {
    let other = |spec: Spec| (SPEC, spec);
    let with_name = |name, (one, other)| (name, one, other);
    let block = |n| Spec { clients: Clients::Block(n), ..SPEC };
    [
        with_name("security group", other(Spec { clients: Clients::Group(1), ..SPEC })),
        with_name("subnet", other(Spec { subnet: Some(1), ..SPEC })),
        with_name("rule", (block(0), block(1))),
        with_name("private DNS", other(Spec { private_dns: false, ..SPEC })),
    ]
}

/// An endpoint that the provider created, held by stacks that request this.
fn held_by(requests: &[(usize, Spec)]) -> Existing {
    let holders: Vec<usize> = requests.iter().map(|(stack, _)| *stack).collect();
    let spec = requests.first().map_or(SPEC, |(_, spec)| *spec);
    Existing { of: requests.iter().copied().collect(), spec, ..owned(&holders) }
}

pub(super) fn scenarios() -> Vec<Scenario> {
    let delete = |after: &[Moment]| plan(Operation::Delete, after);
    let create = |spec: Spec, after: &[Moment]| plan(Operation::Create(spec), after);
    let update = |spec: Spec, after: &[Moment]| plan(Operation::Update(spec), after);
    let scenario = |name: String, requests: &[(usize, Spec)], stacks: Vec<Vec<Planned>>| Scenario {
        endpoints: vec![held_by(requests)],
        failures: 1,
        ..base(Box::leak(name.into_boxed_str()), stacks)
    };
    let mut scenarios = Vec::new();
    for (what, one, other) in pairs() {
        scenarios.push(scenario(
            format!("one leaves with its {what} while another joins with the same, and a third stays"),
            &[(0, one), (2, other)],
            vec![vec![delete(&[0])], vec![create(one, &every(5, 70))], Vec::new()],
        ));
        scenarios.push(scenario(
            format!("the only holder leaves with its {what} while another joins with another"),
            &[(0, one)],
            vec![vec![delete(&[0])], vec![create(other, &every(5, 70))]],
        ));
        scenarios.push(scenario(
            format!("two leave with the same {what}, and a third stays"),
            &[(0, one), (1, one), (2, other)],
            vec![vec![delete(&[0])], vec![delete(&every(5, 60))], Vec::new()],
        ));
        scenarios.push(scenario(
            format!("each of two changes to the {what} of the other"),
            &[(0, one), (1, other)],
            vec![vec![update(other, &[0])], vec![update(one, &every(5, 45))]],
        ));
        scenarios.push(scenario(
            format!("one changes its {what} and leaves, another joins with the old one and leaves"),
            &[(0, one), (2, other)],
            vec![vec![update(other, &[0]), delete(&[5])], vec![create(one, &every(10, 60)), delete(&[5])], Vec::new()],
        ));
    }
    let tag = |n| Spec { tag: Some(n), ..SPEC };
    scenarios.push(scenario(
        "one leaves with its tag while another joins".to_owned(),
        &[(0, tag(0))],
        vec![vec![delete(&[0])], vec![create(SPEC, &every(5, 70))]],
    ));
    scenarios.push(scenario(
        "two leave with the same tag, and a third stays".to_owned(),
        &[(0, tag(0)), (1, tag(0)), (2, SPEC)],
        vec![vec![delete(&[0])], vec![delete(&every(5, 60))], Vec::new()],
    ));
    scenarios.push(scenario(
        "each of two replaces the same tag".to_owned(),
        &[(0, tag(0)), (1, tag(0))],
        vec![vec![update(tag(1), &[0])], vec![update(tag(2), &every(5, 45))]],
    ));
    let everywhere = Spec { subnet: None, ..SPEC };
    scenarios.push(scenario(
        "one gives a subnet, and leaves one that requests every zone".to_owned(),
        &[(0, SPEC), (1, everywhere)],
        vec![vec![delete(&[0])], vec![update(Spec { subnet: Some(1), ..SPEC }, &every(5, 60))]],
    ));
    scenarios
}
