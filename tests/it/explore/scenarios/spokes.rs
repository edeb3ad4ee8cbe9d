//! A hub and a spoke: a holder in the VPC of the endpoint, and one in another VPC.

use super::{base, every, owned};
use crate::explore::cloudformation::{Clients, Operation, Planned, SPEC, Spec, plan};
use crate::explore::ec2::Moment;
use crate::explore::scenario::{Existing, Scenario};

const HUB: Spec = Spec { clients: Clients::Block(0), ..SPEC };
const SPOKE: Spec = Spec { clients: Clients::Spoke(1), subnet: None, ..SPEC };

pub(super) fn scenarios() -> Vec<Scenario> {
    let delete = |after: &[Moment]| plan(Operation::Delete, after);
    let create = |after: &[Moment]| plan(Operation::Create(SPOKE), after);
    let update = |spec: Spec, after: &[Moment]| plan(Operation::Update(spec), after);
    let held_by = |requests: &[(usize, Spec)]| {
        let holders: Vec<usize> = requests.iter().map(|(stack, _)| *stack).collect();
        Existing { of: requests.iter().copied().collect(), spec: HUB, ..owned(&holders) }
    };
    let both = [(0, HUB), (1, SPOKE)];
    let scenario = |name, requests: &[(usize, Spec)], stacks: Vec<Vec<Planned>>| Scenario {
        endpoints: vec![held_by(requests)],
        failures: 1,
        ..base(name, stacks)
    };
    let hub_first = |name| scenario(name, &both, vec![vec![delete(&[0])], vec![delete(&every(5, 60))]]);
    vec![
        scenario(
            "a spoke joins while the hub releases",
            &both[..1],
            vec![vec![delete(&[0])], vec![create(&every(5, 70))]],
        ),
        hub_first("the hub releases first, and the spoke after it"),
        Scenario { delays: vec![0], ..hub_first("the hub releases first, and the spoke after it, with fast calls") },
        scenario(
            "a spoke releases while the hub changes its rule",
            &both,
            vec![vec![update(Spec { clients: Clients::Block(1), ..HUB }, &every(5, 45))], vec![delete(&[0])]],
        ),
        scenario(
            "a spoke joins and releases while the hub changes its subnet",
            &both[..1],
            vec![vec![update(Spec { subnet: Some(1), ..HUB }, &[0])], vec![create(&every(10, 60)), delete(&[5])]],
        ),
        scenario(
            "the hub gives a security group while a spoke changes its clients",
            &both,
            vec![vec![update(SPEC, &[0])], vec![update(Spec { clients: Clients::Spoke(0), ..SPOKE }, &every(5, 45))]],
        ),
    ]
}
