//! Events of one resource that overlap, or follow each other at once.

use super::{base, create, delete, every, foreign, owned};
use crate::explore::cloudformation::Planned;
use crate::explore::ec2::Moment;
use crate::explore::scenario::Scenario;

pub(super) fn scenarios() -> Vec<Scenario> {
    let overtaking = |after: &[Moment]| Planned { overtakes: true, ..delete(after) };
    let twice = |planned: Planned, after: &[Moment]| Planned { duplicated_after: after.to_vec(), ..planned };
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
