"""What each command does, one module each; ``patchstorm.cli`` declares their options."""
