"""A Power BI project of the tables in MySQL or Athena: semantic model (TMDL) and report (PBIR), from the model.

Formats: https://learn.microsoft.com/power-bi/developer/projects/projects-overview
"""

from spotify_assets.targets.powerbi.project import ProjectError, WrittenProject, write_project
from spotify_assets.targets.powerbi.sources import AthenaSource, MySQLSource, PowerBISource

__all__ = ["AthenaSource", "MySQLSource", "PowerBISource", "ProjectError", "WrittenProject", "write_project"]
