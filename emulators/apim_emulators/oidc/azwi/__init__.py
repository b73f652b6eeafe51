"""What the azwi command line computes and checks before it calls Azure: names, key sets, arguments."""
