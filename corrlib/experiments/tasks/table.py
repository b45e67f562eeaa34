"""The list of all tasks, by the name that a data set says (`data.task`)."""

from corrlib.experiments.tasks import flow, joints, masks, planes
from corrlib.experiments.tasks.task import Task
from corrlib.matching.propagation import Rule

TASKS = {
    "flow": Task(flow.ask, flow.count, flow.FlowSettings, flow.WORDS, maps=False),
    "planes": Task(planes.ask, planes.count, planes.PlaneSettings, planes.WORDS),
    "masks": Task(masks.ask, masks.count, Rule, masks.WORDS),
    "joints": Task(joints.ask, joints.count, joints.JointSettings, joints.WORDS),
}
