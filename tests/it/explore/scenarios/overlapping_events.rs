//! Events of one resource that overlap, or follow each other at once.

use super::{OTHER_SERVICE, base, create, delete, every, foreign, owned};
use crate::explore::cloudformation::{Clients, Operation, Planned, SPEC, Spec, plan};
use crate::explore::ec2::Moment;
use crate::explore::scenario::{Scenario, unanswered};

pub(super) fn scenarios() -> Vec<Scenario> {
    let answered = [overtaken(), delivered_again(), delivered_twice(), canceled(), untold()].concat();
    // Where CloudFormation does not say what it still waits for, only the mark stops a Create.
    let marked = |scenario: &Scenario| {
        let names = ["overtakes", "retried", "service is canceled"];
        names.into_iter().any(|name| scenario.name.contains(name))
    };
    let unanswered: Vec<Scenario> = answered.iter().filter(|s| marked(s)).cloned().map(unanswered).collect();
    [answered, unanswered].concat()
}

fn overtaking(after: &[Moment]) -> Planned {
    Planned { overtakes: true, ..delete(after) }
}

/// A Delete, or a retried Create, comes before the Create has ended, or right after.
fn overtaken() -> Vec<Scenario> {
    // It fails when its time is over, in whatever state it is then.
    let failing = |time| Planned { time, rollback_disabled: true, ..create(&[0]) };
    vec![
        Scenario {
            failures: 1,
            ..base("a Delete overtakes the Create", vec![vec![create(&[0]), overtaking(&every(2, 40))]])
        },
        Scenario {
            endpoints: vec![owned(&[1])],
            failures: 1,
            ..base(
                "a Delete overtakes the Create, which joins",
                vec![vec![create(&[0]), overtaking(&every(1, 40))], vec![delete(&[0, 20])]],
            )
        },
        Scenario {
            endpoints: vec![foreign()],
            ..base(
                "a Delete overtakes the Create, on a foreign endpoint",
                vec![vec![create(&[0]), overtaking(&every(1, 40))]],
            )
        },
        Scenario {
            endpoints: vec![foreign()],
            ..base(
                "one releases and joins again at once, on a foreign endpoint",
                vec![vec![create(&[0]), delete(&[1, 20]), create(&[0, 5]), delete(&[20])]],
            )
        },
        Scenario {
            endpoints: vec![owned(&[0, 1])],
            failures: 1,
            ..base(
                "one releases and joins again while the other releases",
                vec![vec![delete(&[0]), create(&[0, 5]), delete(&[20])], vec![delete(&every(10, 40))]],
            )
        },
        Scenario {
            endpoints: vec![owned(&[1])],
            ..base(
                "a Delete overtakes a Create that waits for a name",
                vec![vec![create(&every(5, 60)), overtaking(&every(3, 45))], vec![delete(&[0])]],
            )
        },
        Scenario {
            endpoints: vec![owned(&[1])],
            ..base(
                "a Delete soon overtakes a Create that waits for a name",
                vec![vec![create(&[20, 40]), overtaking(&[3, 15])], vec![delete(&[0])]],
            )
        },
        Scenario {
            endpoints: vec![owned(&[1])],
            failures: 1,
            ..base(
                "a Delete overtakes a Create that waits for a name, and for EC2",
                vec![vec![create(&[40]), overtaking(&[5, 15])], vec![delete(&[0])]],
            )
        },
        Scenario {
            failures: 1,
            ..base(
                "a Create is retried, and the failed one is cleaned up",
                vec![vec![failing(5), create(&[0]), plan(Operation::CleanUpFailed, &[0, 5, 30]), delete(&[60])]],
            )
        },
        Scenario {
            endpoints: vec![owned(&[1])],
            ..base(
                "a Create that joins is retried, and the failed one is cleaned up while the other releases",
                vec![
                    vec![failing(2), create(&[0]), plan(Operation::CleanUpFailed, &[0, 5, 30]), delete(&[60])],
                    vec![delete(&every(10, 60))],
                ],
            )
        },
    ]
}

/// The same event comes again when it has ended.
fn delivered_again() -> Vec<Scenario> {
    let again = |planned: Planned| Planned {
        again_after: every(5, 200).into_iter().filter(|at| *at > 15).collect(),
        ..planned
    };
    let update = |spec, after: &[Moment]| plan(Operation::Update(spec), after);
    vec![
        Scenario {
            failures: 1,
            ..base(
                "a Create is delivered again, up to two minutes after its Delete",
                vec![vec![again(create(&[0])), overtaking(&every(5, 40))]],
            )
        },
        Scenario {
            endpoints: vec![owned(&[1])],
            ..base(
                "a Create that joins is delivered again, up to two minutes after its Delete, while the other releases",
                vec![vec![again(create(&[0])), overtaking(&every(5, 40))], vec![delete(&[20, 60, 100, 140])]],
            )
        },
        Scenario {
            failures: 1,
            redelivered_after: every(15, 150),
            ..base(
                "the function of a Create crashes, and its Delete overtakes the next delivery",
                vec![vec![create(&[0]), overtaking(&every(5, 40))]],
            )
        },
        Scenario {
            endpoints: vec![owned(&[0, 1])],
            ..base(
                "an Update is delivered again, up to two minutes after its Delete",
                vec![vec![again(update(OTHER_SERVICE, &[0])), delete(&[0, 20])], vec![delete(&[60])]],
            )
        },
    ]
}

/// The same event comes twice at the same time.
fn delivered_twice() -> Vec<Scenario> {
    let twice = |planned: Planned, after: &[Moment]| Planned { duplicated_after: after.to_vec(), ..planned };
    vec![
        base("the Create is delivered twice", vec![vec![twice(create(&[0]), &every(2, 30)), delete(&[40])]]),
        Scenario {
            endpoints: vec![owned(&[0])],
            ..base("the Delete is delivered twice", vec![vec![twice(delete(&[0]), &every(3, 60))]])
        },
        Scenario {
            endpoints: vec![owned(&[0])],
            ..base(
                "the Delete is delivered twice while another joins",
                vec![vec![twice(delete(&[0]), &every(5, 40))], vec![create(&every(5, 70))]],
            )
        },
    ]
}

/// An update is canceled, and its rollback comes before it has ended.
fn canceled() -> Vec<Scenario> {
    let group = Spec { clients: Clients::Group(1), ..SPEC };
    let block = Spec { clients: Clients::Block(1), ..SPEC };
    let without_dns = Spec { private_dns: false, ..SPEC };
    let canceled = |spec| {
        let back = Planned { overtakes: true, ..plan(Operation::Update(SPEC), &every(1, 60)) };
        vec![plan(Operation::Update(spec), &[0]), back]
    };
    let with = |endpoint, name, stacks| Scenario { endpoints: vec![endpoint], failures: 1, ..base(name, stacks) };
    let scenario = |name, of_a: Vec<Planned>| with(owned(&[0]), name, vec![of_a]);
    let shared = |name, of_a, of_b| with(owned(&[0, 1]), name, vec![of_a, of_b]);
    let update = |spec, after: &[Moment]| plan(Operation::Update(spec), after);
    vec![
        scenario("an update to another security group is canceled", canceled(group)),
        scenario("an update to the provider's security group is canceled", canceled(block)),
        scenario("an update that turns private DNS off is canceled", canceled(without_dns)),
        scenario("an update to another service is canceled", canceled(OTHER_SERVICE)),
        shared(
            "an update to another security group is canceled while the other releases",
            canceled(group),
            vec![delete(&every(10, 40))],
        ),
        with(
            owned(&[0]),
            "an update to another security group is canceled while another joins",
            vec![canceled(group), vec![create(&every(10, 40))]],
        ),
        scenario(
            "an update to another security group is canceled, and another one follows",
            [canceled(group), vec![update(block, &[0, 5])]].concat(),
        ),
        scenario(
            "an update to another service is canceled, and the stack is deleted",
            [canceled(OTHER_SERVICE), vec![delete(&[5])]].concat(),
        ),
        scenario(
            "an update to another service is canceled, and delivered again",
            canceled(OTHER_SERVICE)
                .into_iter()
                .enumerate()
                .map(|(n, planned)| if n == 0 { Planned { again_after: every(20, 200), ..planned } } else { planned })
                .collect(),
        ),
    ]
}

/// What CloudFormation does not tell the provider.
fn untold() -> Vec<Scenario> {
    let again = |planned: Planned| Planned { again_after: every(20, 160), ..planned };
    let dying = |time| Planned { time, dies: true, rollback_disabled: true, ..create(&[0]) };
    let group = Spec { clients: Clients::Group(1), ..OTHER_SERVICE };
    let own_group = Spec { clients: Clients::Block(0), ..SPEC };
    let there = Spec { clients: Clients::Block(0), ..OTHER_SERVICE };
    let third = Spec { service: 3, ..SPEC };
    let update = |spec, after: &[Moment]| plan(Operation::Update(spec), after);
    vec![
        Scenario {
            failures: 1,
            ..base(
                "a Create that never responds is followed by another one, and then cleaned up",
                vec![vec![dying(20), create(&[0, 30]), plan(Operation::CleanUpFailed, &[0, 5, 30]), delete(&[60])]],
            )
        },
        Scenario {
            endpoints: vec![owned(&[1])],
            ..base(
                "a Create that joins and never responds is followed by another one, and then cleaned up",
                vec![
                    vec![dying(2), create(&[0, 30]), plan(Operation::CleanUpFailed, &[0, 5, 30]), delete(&[60])],
                    vec![delete(&every(10, 60))],
                ],
            )
        },
        Scenario {
            endpoints: vec![owned(&[0, 1])],
            failures: 1,
            ..base(
                "a Delete is delivered again after the resource has joined anew",
                vec![
                    vec![again(delete(&[0])), create(&[0, 5, 30]), delete(&[100, 160])],
                    vec![delete(&every(20, 160))],
                ],
            )
        },
        Scenario {
            failures: 1,
            ..base(
                "a Delete with a made-up ID is delivered again after the next Create",
                vec![vec![create(&[0]), again(overtaking(&[0, 5, 20])), create(&[0, 5, 30]), delete(&[100, 160])]],
            )
        },
        Scenario {
            failures: 1,
            ..base(
                "a Create is delivered again after an update",
                vec![vec![again(create(&[0])), update(own_group, &[0, 5, 30]), delete(&[100, 160])]],
            )
        },
        Scenario {
            endpoints: vec![owned(&[0])],
            failures: 1,
            retains: true,
            ..base(
                "an update replaces an endpoint that is retained, and is delivered again after another one",
                vec![vec![again(update(OTHER_SERVICE, &[0])), update(third, &[0, 5, 30]), delete(&[100, 160])]],
            )
        },
        Scenario {
            endpoints: vec![owned(&[0])],
            failures: 1,
            ..base(
                "an update to another service runs out of time",
                vec![vec![Planned { time: 15, ..update(there, &[0]) }, delete(&[0, 5, 30])]],
            )
        },
        Scenario {
            endpoints: vec![owned(&[0])],
            failures: 1,
            retains: true,
            ..base(
                "an update replaces an endpoint that is retained, and another one follows",
                vec![vec![update(OTHER_SERVICE, &[0]), update(group, &[0, 5, 30]), delete(&[0, 5])]],
            )
        },
    ]
}
