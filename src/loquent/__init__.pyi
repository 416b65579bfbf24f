# The clients, which are loaded when they are asked for.
from loquent.client import AiBrary as AiBrary
from loquent.client import AsyncAiBrary as AsyncAiBrary
from loquent.client import AsyncLoquent as AsyncLoquent
from loquent.client import Loquent as Loquent

__version__: str
