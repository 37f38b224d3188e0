long add_in_c(long a, long b)
{
	return a + b;
}
