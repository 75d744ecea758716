"""The gateway agent: plans reads, keeps absolute deadlines, signs what came, holds it until the receipt."""
