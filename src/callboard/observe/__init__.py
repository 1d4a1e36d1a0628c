"""What operators see of us: structured logs now; metrics and alerts come with their issues."""
